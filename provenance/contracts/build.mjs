// Compiles AnchorRegistry.sol to AnchorRegistry.json (ABI, bytecode, compiler, hash of the source), the same bytes each time.
// usage: node build.mjs [output file]     needs: npm ci
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import solc from "solc";

const NAME = "AnchorRegistry";
const here = (file) => new URL(file, import.meta.url);
const source = readFileSync(here(`${NAME}.sol`), "utf8");
// Shanghai: the newest instruction set that Besu, anvil and the large L2s all run.
const settings = { optimizer: { enabled: true, runs: 10000 }, evmVersion: "shanghai" };
const input = {
  language: "Solidity",
  sources: { [`${NAME}.sol`]: { content: source } },
  settings: { ...settings, outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } } },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
const findings = output.errors ?? [];
for (const finding of findings) console.error(finding.formattedMessage);
if (findings.length > 0) process.exit(1); // warnings fail the build too

const { abi, evm } = output.contracts[`${NAME}.sol`][NAME];
const artifact = {
  contract: NAME,
  sourceSha256: createHash("sha256").update(source).digest("hex"),
  compiler: solc.version(),
  settings,
  bytecode: `0x${evm.bytecode.object}`,
  deployedBytecode: `0x${evm.deployedBytecode.object}`,
  abi,
};
writeFileSync(process.argv[2] ?? here(`${NAME}.json`), `${JSON.stringify(artifact, null, 1)}\n`);
