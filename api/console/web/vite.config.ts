import { defineConfig } from "vite";

export default defineConfig({
  // The server puts the path of its folder before it, relative to the page.
  base: "./",
  logLevel: "warn",
  build: {
    outDir: "../static",
    emptyOutDir: true,
    target: "es2022",
    // The editor is one large file, but it comes from the same machine or its cache.
    chunkSizeWarningLimit: 10_000,
    rolldownOptions: {
      input: { graphiql: "index.html", console: "console.html" },
      // Directives for React's server side mean nothing in a page.
      checks: { moduleLevelDirective: false },
    },
  },
});
