// How the console is built: into `dist/site`, where the ingester's build finds it, each file beside its compressed forms.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";

const OUT = "dist/site";

/** Compressing once, as well as it goes, costs the service nothing while it serves. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    closeBundle() {
      for (const entry of readdirSync(OUT, { recursive: true }) as string[]) {
        if (!/\.(js|css|html|svg|json)$/.test(entry)) continue;
        const file = join(OUT, entry);
        const plain = readFileSync(file);
        const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length };
        writeFileSync(`${file}.br`, brotliCompressSync(plain, { params }));
        writeFileSync(`${file}.gz`, gzipSync(plain, { level: 9 }));
      }
    },
  };
}

/** Has the browser fetch what the beginning will ask for together with the beginning, not after it. */
function preloaded(): Plugin {
  return {
    name: "preloaded",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler(_, { bundle = {} }) {
        const start = Object.values(bundle).find(
          (one) => one.type === "chunk" && one.isDynamicEntry && one.name === "start",
        );
        if (start?.type !== "chunk") throw new Error("src/start.ts has become no file of its own");
        const link = (attrs: Record<string, string | boolean>) => ({ tag: "link", attrs, injectTo: "head" as const });
        return [
          ...[start.fileName, ...start.imports]
            .filter((name) => !bundle[name] || !(bundle[name].type === "chunk" && bundle[name].isEntry))
            .map((name) => link({ rel: "modulepreload", crossorigin: true, href: `/${name}` })),
          ...[...(start.viteMetadata?.importedCss ?? [])].map((name) =>
            link({ rel: "stylesheet", crossorigin: true, href: `/${name}` }),
          ),
        ];
      },
    },
  };
}

export default defineConfig({
  plugins: [svelte(), preloaded(), compressed()],
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: "es2022",
    // The policy of the page forbids data: URLs.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1_000,
  },
  server: {
    proxy: {
      "/api": process.env.TRUNKLINE_API ?? "http://127.0.0.1:8080",
      "/openapi.json": process.env.TRUNKLINE_API ?? "http://127.0.0.1:8080",
    },
  },
});
