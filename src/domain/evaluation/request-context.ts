/**
 * What is known of the request besides principal, action and resource.
 * Keys are condition keys in lower case, but a tag key (behind the first `/`) or encryption-context key as given:
 * `canonicalContextKey` makes them. A key that is not in the map is unknown (conditions on it stay residual);
 * a key with an empty list is known to be absent.
 */
export type RequestContext = ReadonlyMap<string, readonly string[]>;
