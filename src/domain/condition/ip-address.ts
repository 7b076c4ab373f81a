import ipaddr from "ipaddr.js";

/** An address: 4 bytes for IPv4 (IPv4-mapped IPv6 too), 16 for IPv6. */
export type IpAddress = readonly number[];

/** All addresses whose first `prefix` bits are those of `base`. */
export interface IpRange {
  readonly base: IpAddress;
  readonly prefix: number;
}

const IPV4 = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;
const IPV6_CHARACTERS = /^[0-9a-fA-F:]+(?::(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3})?$/;
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
  const parts = IPV4.exec(text)?.slice(1).map(Number);
  if (parts !== undefined) return parts.every((part) => part <= 255) ? parts : null;
  if (!IPV6_CHARACTERS.test(text) || !ipaddr.IPv6.isValid(text)) return null;
  return ipaddr.IPv6.parse(text).toByteArray();
}

function isMapped(bytes: IpAddress): boolean {
  return (
    bytes.length === 16 && bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255
  );
}

function unmapped(bytes: IpAddress): IpAddress {
  return isMapped(bytes) ? bytes.slice(12) : bytes;
}
