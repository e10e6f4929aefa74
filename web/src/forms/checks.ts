// What is wrong with a value, told as it is typed: the same bounds as the API's, so that a form that looks right is taken.

import type { Both } from "../words";

/** Longest line and longest prose that the API takes. */
export const LINE_MAX = 120;
export const PROSE_MAX = 2000;

/** A value is given where it must be. */
export function given(value: string): Both | null {
  return value.trim() ? null : { zh: "必填。", en: "This is needed." };
}

/** At most so many characters; control characters are refused as the API refuses them. */
export function text(value: string, longest: number): Both | null {
  const length = [...value.trim()].length;
  if (length > longest) return { zh: `最多${longest}个字符,现有${length}个。`, en: `At most ${longest} characters; there are ${length}.` };
  const stray = longest <= LINE_MAX ? /\p{Cc}/u : /[^\P{Cc}\n\r\t]/u;
  return stray.test(value) ? { zh: "含有控制字符。", en: "It has a control character." } : null;
}

/** The first fault of several looks. */
export function first(...faults: (Both | null)[]): Both | null {
  return faults.find((fault) => fault !== null) ?? null;
}

const CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY";
const CREDIT_WEIGHTS = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];

/** A unified social credit code with its check character (GB 32100-2015); none is in order. */
export function creditCode(value: string): Both | null {
  const code = value.trim().toUpperCase();
  if (!code) return null;
  const digits = [...code].map((letter) => CREDIT_ALPHABET.indexOf(letter));
  if (code.length !== 18 || digits.includes(-1)) {
    return { zh: "统一社会信用代码为18位数字和大写字母(不含I、O、S、V、Z)。", en: "A credit code has 18 digits and capitals, without I, O, S, V, Z." };
  }
  const sum = CREDIT_WEIGHTS.reduce((total, weight, at) => total + weight * (digits[at] ?? 0), 0);
  return (31 - (sum % 31)) % 31 === digits[17] ? null : { zh: "校验位不符,请核对。", en: "Its check character does not fit; look for a slip." };
}

/** A telephone number: digits, with the signs that people put between them. */
export function phone(value: string): Both | null {
  return /^[+\d][\d\s()-]{4,30}$/.test(value.trim()) ? null : { zh: "请填写电话号码。", en: "Give a telephone number." };
}

/** A day or an instant that there is. */
export function instant(value: string): Both | null {
  return Number.isNaN(Date.parse(value)) ? { zh: "请填写时间。", en: "Give a time." } : null;
}

/** An address, or several, separated by spaces, commas or lines. */
export function addresses(value: string): Both | null {
  const bad = several(value).find((one) => !/^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:.]+)$/i.test(one));
  return bad ? { zh: `“${bad}”不是IP地址。`, en: `“${bad}” is not an IP address.` } : null;
}

/** The parts of a list that was typed as one text. */
export function several(value: string): string[] {
  return value.split(/[\s,;,;、]+/).filter(Boolean);
}

/** A whole number from `least` on; nothing is in order. */
export function count(value: string, least: number): Both | null {
  return !value.trim() || (/^\d{1,9}$/.test(value.trim()) && Number(value) >= least)
    ? null
    : { zh: `须为不小于${least}的整数。`, en: `Give a whole number from ${least} on.` };
}
