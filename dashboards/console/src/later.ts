// The parts of the console that nobody misses before the first rows are on the screen, and that take most of its script.

export { default as Detail } from "./logs/Detail.svelte";
export { default as FacetList } from "./logs/FacetList.svelte";
export { default as Histogram } from "./logs/Histogram.svelte";
export { default as Tools } from "./logs/Tools.svelte";
export { default as Controls } from "./parts/Controls.svelte";
export { default as Help } from "./parts/Help.svelte";
