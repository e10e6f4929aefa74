// The words of the ledger's check and proofs.

import type { Both } from "../../words";

const both = (zh: string, en: string): Both => ({ zh, en });

export const w = {
  verify: both("在浏览器中校验", "Verify in this browser"),
  verifyNote: both(
    "下载检查点、全部条目与哈希文件,在浏览器内逐条重算,并用您手中的公钥核对签名。不采信服务器的任何结论。",
    "Downloads checkpoint, entries and hashes, computes every one of them anew here, and checks the signature by the key in your hands. Nothing that the server says is believed.",
  ),
  key: both("公钥", "Public key"),
  keyHint: both("填入您自行保管的公钥,不要用设备给出的。保存在本浏览器。", "The key that you keep yourself, not the one the appliance shows. It stays in this browser."),
  begin: both("开始校验", "Verify"),
  progress: both("校验中", "Verifying"),
  whole: both("全部 {size} 条均与检查点相符,签名有效。根哈希 {root}", "All {size} entries fit the checkpoint, and its signature holds. Root {root}"),
  seenStands: both("{at} 校验过的前 {size} 条未变。", "The first {size} entries are as they were when verified at {at}."),
  more: both("另有 {n} 处未列出。", "{n} more are not listed."),
  entryAt: both("第 {entry} 条", "entry {entry}"),
  failed: both("未能进行:{why}", "It could not be done: {why}"),
  prove: both("证明一条", "Prove one entry"),
  proveNote: both("由该条的字节和旁边的哈希算到已签名的根。", "From the entry's bytes and the hashes beside it to the signed root."),
  index: both("条目序号", "Number of the entry"),
  proveIt: both("证明", "Prove"),
  proved: both("第 {index} 条在已签名的根之下(共 {size} 条,{steps} 步)。", "Entry {index} is under the signed root ({size} entries, {steps} steps)."),
  notProved: both("第 {index} 条不在已签名的根之下:它或旁边的哈希已被改动。", "Entry {index} is not under the signed root: it, or a hash beside it, was altered."),
  details: both("内容与路径", "Entry and path"),
  leaf: both("叶哈希", "Leaf hash"),
  path: both("旁边的哈希", "Hashes beside the way"),
};
