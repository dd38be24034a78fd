/** Build, dev server and test runner of the page. The dev server stands in for the backend's headers and passes the API on. */
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defaultClientConditions } from "vite";
import { defineConfig } from "vitest/config";
import { compressed } from "./compress";

const BACKEND = process.env.MASKLOOM_BACKEND ?? "http://127.0.0.1:8000";

/** Threaded WebAssembly needs SharedArrayBuffer, which needs these two; the backend sends the same ones. */
const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  plugins: [react(), compressed()],
  resolve: {
    alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) },
    // The build of ONNX Runtime without its glue inside: the decoder names the .mjs and .wasm assets itself (decoder/runtime.ts).
    conditions: ["onnxruntime-web-use-extern-wasm", ...defaultClientConditions],
  },
  server: {
    headers: ISOLATION,
    proxy: Object.fromEntries(["/api", "/openapi.json", "/healthz", "/readyz"].map((path) => [path, BACKEND])),
  },
  preview: { headers: ISOLATION },
  worker: { format: "es" },
  // Its .wasm and .mjs files find each other by URL; pre-bundling would break that.
  optimizeDeps: { exclude: ["onnxruntime-web"] },
  build: {
    target: "es2023",
    chunkSizeWarningLimit: 900,
  },
  test: {
    // A test that needs a document says so itself: `// @vitest-environment happy-dom`.
    environment: "node",
    include: ["src/**/*.test.{ts,tsx}"],
    restoreMocks: true,
  },
});
