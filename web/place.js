/**
 * Put the files of ONNX Runtime that are served beside the page: the smallest build, for the CPU, its WebAssembly packed once
 * and for all. Of the 139 MB that come with it, these are 4.
 */

import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const FROM = new URL("node_modules/onnxruntime-web/", import.meta.url);
const TO = new URL("../serving/page/runtime/", import.meta.url);

rmSync(TO, { recursive: true, force: true });
mkdirSync(TO);
copyFileSync(new URL("dist/ort.wasm.bundle.min.mjs", FROM), new URL("ort.mjs", TO));
writeFileSync(new URL("ort.wasm.gz", TO), gzipSync(readFileSync(new URL("dist/ort-wasm-simd-threaded.wasm", FROM)), { level: 9 }));
copyFileSync(new URL("LICENSE.onnxruntime", import.meta.url), new URL("LICENSE", TO));
copyFileSync(new URL("package.json", FROM), new URL("package.json", TO));
