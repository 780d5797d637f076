/** JSON that passes through: text stays as it is, and an object is written without spaces and in its own order. */

/** A JSON object: text, which is sent byte for byte, or an object. */
export type Json = string | { readonly [member: string]: unknown };

/**
 * Writes JSON.
 *
 * @throws TypeError if a value holds something that JSON does not have, such as NaN or a bigint, or if text is not
 *   well-formed: UTF-8 has no lone surrogates.
 * @example jsonText({ b: 1, a: "é" }) === '{"b":1,"a":"é"}'
 */
export function jsonText(value: Json): string {
  if (typeof value === "string") return wellFormed(value);
  return JSON.stringify(value, (name, member: unknown) => {
    if (typeof member === "number" && !Number.isFinite(member)) {
      throw new TypeError(`JSON has no ${member}, which is the value of ${JSON.stringify(name)}`);
    }
    return member;
  });
}

/** Returns the text itself. Throws TypeError if UTF-8 cannot say it: it would be changed on the way. */
export function wellFormed(text: string): string {
  if (/\p{Surrogate}/u.test(text)) throw new TypeError("the text holds half of a surrogate pair");
  return text;
}

/**
 * Puts the members of one JSON object over those of another; each stays as it is, byte for byte.
 *
 * @throws SyntaxError if one of them is no JSON object.
 * @example laidOver('{"a": 1.0, "b": 2}', '{"b":3e0}') === '{"a": 1.0,"b":3e0}'
 */
export function laidOver(below: string, above: string): string {
  const members = membersOf(below);
  for (const [name, text] of membersOf(above)) members.set(name, text);
  return `{${[...members.values()].join(",")}}`;
}

/** Finds the text of an object's members, names included, by their names. */
function membersOf(text: string): Map<string, string> {
  const parsed: unknown = JSON.parse(text); // from here on, what is not looked at is known to be right
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw new SyntaxError("no JSON object");
  const members = new Map<string, string>();
  let at = text.indexOf("{") + 1;
  while (at < text.length) {
    const end = endOfMember(text, at);
    const member = text.slice(at, end).trim();
    if (member) members.set(JSON.parse(member.slice(0, endOfString(member, 0))) as string, member);
    at = end + 1;
  }
  return members;
}

/** Finds the comma or the bracket after the member that begins at `at`. */
function endOfMember(text: string, at: number): number {
  for (let depth = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '"') at = endOfString(text, at) - 1;
    else if ("{[".includes(character)) depth += 1;
    else if (depth > 0 && "}]".includes(character)) depth -= 1;
    else if (depth === 0 && ",}".includes(character)) break;
  }
  return at;
}

/** Finds the place after the string that begins at `at`. */
function endOfString(text: string, at: number): number {
  at += 1;
  while (text.charAt(at) !== '"') at += text.charAt(at) === "\\" ? 2 : 1;
  return at + 1;
}
