#!/usr/bin/env node
// The solc of npm (WebAssembly) in the place of a native solc, for forge and slither: neither can fetch one offline.
// usage: solc.mjs --version | --standard-json < input | --combined-json FIELDS ... FILE.sol
import { readFileSync, writeSync } from "node:fs";
import solc from "solc";

// Written to the end before the process ends: a pipe takes 64 KiB at a time.
function print(text) {
  const bytes = Buffer.from(text);
  for (let sent = 0; sent < bytes.length; ) {
    try {
      sent += writeSync(1, bytes, sent);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}

function combinedJson(file) {
  const input = {
    language: "Solidity",
    sources: { [file]: { content: readFileSync(file, "utf8") } },
    settings: { evmVersion: "shanghai", outputSelection: { "*": { "": ["ast"], "*": ["*"] } } },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  for (const finding of output.errors ?? []) console.error(finding.formattedMessage);
  if ((output.errors ?? []).some((finding) => finding.severity === "error")) process.exit(1);
  const contracts = {};
  for (const [source, named] of Object.entries(output.contracts)) {
    for (const [name, { abi, evm, userdoc, devdoc }] of Object.entries(named)) {
      contracts[`${source}:${name}`] = {
        abi,
        bin: evm.bytecode.object,
        "bin-runtime": evm.deployedBytecode.object,
        srcmap: evm.bytecode.sourceMap,
        "srcmap-runtime": evm.deployedBytecode.sourceMap,
        hashes: evm.methodIdentifiers,
        userdoc,
        devdoc,
      };
    }
  }
  const sources = Object.fromEntries(Object.entries(output.sources).map(([name, { ast }]) => [name, { AST: ast }]));
  return { contracts, sources, sourceList: Object.keys(sources), version: solc.version() };
}

const wanted = process.argv.slice(2);
if (wanted.includes("--version")) {
  const version = solc.version().replace("Emscripten.clang", "Linux.g++");
  print(`solc, the solidity compiler commandline interface\nVersion: ${version}\n`);
} else if (wanted.includes("--standard-json")) {
  print(solc.compile(readFileSync(0, "utf8")));
} else {
  const file = wanted.find((argument) => argument.endsWith(".sol"));
  if (!file) throw new Error(`expected --version, --standard-json or a .sol file, got: ${wanted.join(" ")}`);
  print(JSON.stringify(combinedJson(file)));
}
