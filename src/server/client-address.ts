import type { IncomingHttpHeaders } from "node:http";
import { BlockList, isIP } from "node:net";

/** What tells where a request comes from. */
export interface Origin {
  readonly socket: { readonly remoteAddress?: string | undefined };
  readonly headers: IncomingHttpHeaders;
}

/** Finds the address that a request was sent from; undefined where the connection has gone. */
export type AddressOf = (request: Origin) => string | undefined;

/**
 * Takes the address of the connection, and that of `x-forwarded-for` only where trusted proxies have written it: from the
 * right, the first address that is none of theirs. What is to the left of it anybody can have made up.
 *
 * @param proxies networks like `10.0.0.0/8`, or single addresses
 */
export function createAddressOf(proxies: readonly string[]): AddressOf {
  const trusted = blockListOf(proxies);
  const isTrusted = (address: string) => trusted.check(address, familyOf(address));
  return ({ socket: { remoteAddress: connected }, headers: { "x-forwarded-for": forwarded } }) => {
    const hops = [forwarded ?? []].flat().join(",").split(",").reverse();
    let address = connected;
    for (const hop of hops.map((text) => text.trim())) {
      if (address === undefined || !isTrusted(address) || isIP(hop) === 0) break;
      address = hop;
    }
    return address;
  };
}

/** What is wrong with the name of a network; null: nothing. Everybody is no network. */
export function networkProblem(network: string): string | null {
  const [address = "", prefix, ...more] = network.split("/");
  const longest = isIP(address) === 4 ? 32 : 128;
  const fits = prefix === undefined || (/^[1-9]\d{0,2}$/.test(prefix) && Number(prefix) <= longest);
  return isIP(address) !== 0 && fits && more.length === 0 ? null : `\`${network}\` is no network like \`10.0.0.0/8\``;
}

function blockListOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", prefix] = network.split("/");
    const family = familyOf(address);
    list.addSubnet(address, Number(prefix ?? (family === "ipv4" ? 32 : 128)), family);
  }
  return list;
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 4 ? "ipv4" : "ipv6";
}
