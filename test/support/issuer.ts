import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export type KeyType = "EdDSA" | "ES256" | "RS256";

/** A key pair of an issuer. */
export interface IssuerKey {
  readonly kid: string;
  readonly alg: KeyType;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** An issuer on this machine: whoever asks is given its public keys. */
export interface Issuer {
  readonly url: URL;
  keys: readonly IssuerKey[];
  /** Of its answers. */
  status: number;
  /** How often it was asked. */
  asked: number;
  close(): Promise<void>;
}

export async function startIssuer(keys: readonly IssuerKey[]): Promise<Issuer> {
  const server = createServer((_request, response) => {
    issuer.asked += 1;
    response.writeHead(issuer.status, { "content-type": "application/jwk-set+json" });
    response.end(JSON.stringify({ keys: issuer.keys.map(publicJwk) }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer: Issuer = {
    ...{ keys, status: 200, asked: 0 },
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`),
    close: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return issuer;
}

export function issuerKey(kid: string, alg: KeyType): IssuerKey {
  if (alg === "EdDSA") return { kid, alg, ...generateKeyPairSync("ed25519") };
  if (alg === "ES256") return { kid, alg, ...generateKeyPairSync("ec", { namedCurve: "P-256" }) };
  return { kid, alg, ...generateKeyPairSync("rsa", { modulusLength: 2_048 }) };
}

export function publicJwk({ kid, alg, privateKey }: IssuerKey): object {
  return { ...createPublicKey(privateKey).export({ format: "jwk" }), kid, alg, use: "sig" };
}

const encode = (part: unknown) =>
  Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url");

/** A token with these parts, objects or text as it is; signed by `by`, or by whatever makes a signature of its text. */
export function tokenOf(header: unknown, payload: unknown, by: IssuerKey | ((text: string) => Buffer)): string {
  const text = `${encode(header)}.${encode(payload)}`;
  const signature = typeof by === "function" ? by(text) : signatureOf(text, by);
  return `${text}.${signature.toString("base64url")}`;
}

export function signatureOf(text: string, { alg, privateKey }: IssuerKey): Buffer {
  const data = Buffer.from(text);
  if (alg === "EdDSA") return sign(null, data, privateKey);
  return sign("sha256", data, { key: privateKey, dsaEncoding: "ieee-p1363" });
}

/** Signs with a shared secret. */
export function hmac(secret: string | Buffer, hash = "sha256"): (text: string) => Buffer {
  return (text) => createHmac(hash, secret).update(text).digest();
}
