// How Svelte compiles, for Vite and for svelte-check.

export default {
  compilerOptions: { runes: true },
  // Libraries are compiled too, but what they are warned of isn't ours to mend.
  onwarn: (warning, handler) => {
    if (!warning.filename?.includes("node_modules")) handler?.(warning);
  },
  vitePlugin: {
    dynamicCompileOptions: ({ filename }) => (filename.includes("node_modules") ? { runes: undefined } : undefined),
  },
};
