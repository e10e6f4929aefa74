// The log's public key and its signed checkpoint as text: c2sp.org/signed-note with Ed25519, and c2sp.org/tlog-checkpoint in it.
// Strict, as the appliance is: a text that is not byte for byte what it would write is refused.

import { etc, verify } from "@noble/ed25519";
import { sha256, sha512 } from "@noble/hashes/sha2";

import type { Both } from "../words";
import { same, type Hash } from "./hash";
import { base64, fromBase64, hex } from "./text";

etc.sha512Sync = (...parts) => sha512(etc.concatBytes(...parts));

const ED25519 = 1;
const MARK = "— ";

/** What an auditor keeps apart from the appliance. */
export interface VerifierKey {
  name: string;
  bytes: Uint8Array;
  hash: Uint8Array;
}

/** The size and the root that a checkpoint speaks for. */
export interface Head {
  size: number;
  root: Hash;
}

export const faults = {
  keyForm: { zh: "不是验证公钥:应为“名称+8位十六进制+base64”,不换行。", en: "Not a verifier key: name+8 hex digits+base64 on one line." },
  keyHash: { zh: "公钥的校验值与公钥不符,请检查是否抄写有误。", en: "The key's hash does not fit the key: check for a slip in copying." },
  form: { zh: "不是检查点文本。", en: "Not the text of a checkpoint." },
  otherKey: { zh: "检查点由另一把密钥签发。", en: "The checkpoint is by another log or key." },
  signature: { zh: "检查点的签名不成立。", en: "The checkpoint's signature does not hold." },
} satisfies Record<string, Both>;

function keyHash(name: string, key: Uint8Array): Uint8Array {
  return sha256.create().update(`${name}\n`).update(Uint8Array.of(ED25519)).update(key).digest().subarray(0, 4);
}

/** A key, or what is wrong with the text. */
export function readKey(text: string): VerifierKey | Both {
  const [name = "", digits = "", ...rest] = text.trim().split("+");
  // base64 has plus signs of its own.
  const bytes = fromBase64(rest.join("+"));
  if (!/^[^\s+]+$/.test(name) || bytes?.length !== 33 || bytes[0] !== ED25519) return faults.keyForm;
  const key = bytes.subarray(1);
  const hash = keyHash(name, key);
  return hex(hash) === digits ? { name, bytes: key, hash } : faults.keyHash;
}

export function isKey(read: VerifierKey | Both): read is VerifierKey {
  return "bytes" in read;
}

/** The tree head of a checkpoint, if this key signed it; else what is wrong. */
export function openNote(key: VerifierKey, note: string): Head | Both {
  const [, body, name, size, root, signer, signed] = /^(([^\n]+)\n(\d{1,16})\n([^\n]+)\n)\n— ([^\n ]+) ([^\n]+)\n$/.exec(note) ?? [];
  const rootBytes = fromBase64(root ?? "");
  const signature = fromBase64(signed ?? "");
  if (!body || rootBytes?.length !== 32 || signature?.length !== 68) return faults.form;
  if (name !== key.name || signer !== key.name || !same(signature.subarray(0, 4), key.hash)) return faults.otherKey;
  const head = { size: Number(size), root: rootBytes };
  if (`${name}\n${head.size}\n${base64(rootBytes)}\n\n${MARK}${signer} ${base64(signature)}\n` !== note) return faults.form;
  return holds(signature.subarray(4), body, key) ? head : faults.signature;
}

function holds(signature: Uint8Array, body: string, key: VerifierKey): boolean {
  try {
    return verify(signature, new TextEncoder().encode(body), key.bytes, { zip215: false });
  } catch {
    return false;
  }
}
