// A log as c2sp.org/tlog-tiles lays it out, made here with Node's own SHA-256 and Ed25519, so that what checks it is not what made it.
import { createHash, generateKeyPairSync, sign } from "node:crypto";

const sha = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const leaf = (entry) => sha(Buffer.of(0), entry);
const node = (left, right) => sha(Buffer.of(1), left, right);

/** RFC 6962 section 2.1, word by word. */
export function root(leaves) {
  if (leaves.length === 0) return sha("");
  if (leaves.length === 1) return leaves[0];
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return node(root(leaves.slice(0, k)), root(leaves.slice(k)));
}

const named = (index) => {
  const groups = String(index).padStart(Math.ceil(String(index).length / 3) * 3, "0").match(/.{3}/g);
  return groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join("/");
};

/** Files by their paths, and the public key. */
export function logOf(size, name = "test-log", kind = "login") {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const key = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  const hash = sha(`${name}\n`, Buffer.of(1), key).subarray(0, 4);
  const entries = Array.from({ length: size }, (_, n) => Buffer.from(`{"n":${n},"kind":"${kind}"}`));
  const leaves = entries.map(leaf);
  const files = new Map();
  const put = (shelf, items, bytesOf) => {
    for (let at = 0; at * 256 < items.length; at++) {
      const some = items.slice(at * 256, (at + 1) * 256);
      files.set(`tile/${shelf}/${named(at)}${some.length < 256 ? `.p/${some.length}` : ""}`, Buffer.concat(some.map(bytesOf)));
    }
  };
  put("entries", entries, (entry) => Buffer.concat([Buffer.of(entry.length >> 8, entry.length & 255), entry]));
  for (let [level, layer] = [0, leaves]; layer.length; level++) {
    put(level, layer, (one) => one);
    layer = Array.from({ length: Math.floor(layer.length / 256) }, (_, n) => root(layer.slice(n * 256, (n + 1) * 256)));
  }
  const body = `${name}\n${size}\n${root(leaves).toString("base64")}\n`;
  const signed = Buffer.concat([hash, sign(null, Buffer.from(body), privateKey)]);
  files.set("checkpoint", Buffer.from(`${body}\n— ${name} ${signed.toString("base64")}\n`));
  return { files, root: root(leaves).toString("hex"), key: `${name}+${hash.toString("hex")}+${Buffer.concat([Buffer.of(1), key]).toString("base64")}` };
}
