/** An address: 4 bytes for IPv4 (IPv4-mapped IPv6 too), 16 for IPv6. */
export type IpAddress = readonly number[];

/** All addresses whose first `prefix` bits are those of `base`. */
export interface IpRange {
  readonly base: IpAddress;
  readonly prefix: number;
}

const DOT = 46;
const ZERO = 48;
const IPV6_GROUP = /^[0-9a-fA-F]{1,4}$/;
const IPV6_GROUPS = 8;
const PREFIX = /^(?:0|[1-9]\d{0,2})$/;
const MAPPED_BITS = 96;

/** Reads one address without prefix length (C9); octal, hexadecimal and short forms and zones are refused: null. */
export function parseIpAddress(text: string): IpAddress | null {
  const bytes = parseBytes(text);
  return bytes === null ? null : unmapped(bytes);
}

/** Reads an address or a CIDR block (D20); null when it is neither. Host bits do not matter. */
export function parseIpRange(text: string): IpRange | null {
  const [address = "", prefix, ...rest] = text.split("/");
  const bytes = rest.length > 0 ? null : parseBytes(address);
  if (bytes === null || (prefix !== undefined && !PREFIX.test(prefix))) return null;
  const bits = prefix === undefined ? bytes.length * 8 : Number(prefix);
  if (bits > bytes.length * 8) return null;
  if (!isMapped(bytes)) return { base: bytes, prefix: bits };
  return bits < MAPPED_BITS ? null : { base: unmapped(bytes), prefix: bits - MAPPED_BITS };
}

/** Families never match each other. */
export function rangeContains(range: IpRange, address: IpAddress): boolean {
  if (range.base.length !== address.length) return false;
  for (let index = 0; index * 8 < range.prefix; index++) {
    const mask = prefixMask(range.prefix - index * 8);
    if (((range.base[index] ?? 0) & mask) !== ((address[index] ?? 0) & mask)) return false;
  }
  return true;
}

/** The mask of a byte of which the first `bits` count; at least one does. */
function prefixMask(bits: number): number {
  return bits >= 8 ? 0xff : (0xff << (8 - bits)) & 0xff;
}

function parseBytes(text: string): IpAddress | null {
  if (text.length > 45) return null;
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** Four decimal numbers without leading zeros. By hand, since a regular expression takes longer than a whole decision. */
function parseIpv4(text: string): IpAddress | null {
  const bytes = [0, 0, 0, 0];
  let [place, digits] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const value = bytes[place] ?? 0;
    if (code === DOT && digits > 0 && place < 3) [place, digits] = [place + 1, 0];
    else if (code >= ZERO && code <= ZERO + 9 && (digits === 0 || value > 0)) {
      bytes[place] = value * 10 + code - ZERO;
      digits++;
    } else return null;
  }
  return place === 3 && digits > 0 && bytes.every((byte) => byte <= 255) ? bytes : null;
}

/** RFC 4291: groups of up to four hexadecimal digits, `::` once for zeros, the last two groups maybe as IPv4. */
function parseIpv6(text: string): IpAddress | null {
  const [head = "", tail, ...rest] = text.split("::");
  if (rest.length > 0) return null;
  const front = parseGroups(head, tail === undefined);
  const back = tail === undefined ? [] : parseGroups(tail, true);
  if (front === null || back === null) return null;
  const missing = IPV6_GROUPS * 2 - front.length - back.length;
  if (tail === undefined ? missing !== 0 : missing < 2) return null;
  return [...front, ...new Array<number>(missing).fill(0), ...back];
}

/** The bytes of groups between `:`; an IPv4 address may be the last of them. */
function parseGroups(text: string, mayEndInIpv4: boolean): number[] | null {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    if (IPV6_GROUP.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
      continue;
    }
    const last = mayEndInIpv4 && index === groups.length - 1 ? parseIpv4(group) : null;
    if (last === null) return null;
    bytes.push(...last);
  }
  return bytes;
}

function isMapped(bytes: IpAddress): boolean {
  return (
    bytes.length === 16 && bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255
  );
}

function unmapped(bytes: IpAddress): IpAddress {
  return isMapped(bytes) ? bytes.slice(12) : bytes;
}
