/**
 * Hard limits of the evaluator: input beyond them is refused before any work is done on it.
 * They are far above RAM's own quotas, which imports may exceed (D30).
 */
export const HARD_LIMITS = {
  /** UTF-8 bytes of a policy document. */
  documentBytes: 131_072,
  /** Nesting of objects and arrays; a legal document needs seven. */
  documentDepth: 16,
  /** Values of a document, and names of members. */
  documentNodes: 10_000,
  /** Actions, resources, principals, condition keys and their values, of all statements together. */
  documentEntries: 3_000,
  statements: 1_000,
  /** Operators and keys of one statement's condition block, counted together. */
  conditions: 500,
  /** Characters of one string in a document. */
  valueLength: 4_096,
  /** Problems reported for one document. */
  reportedProblems: 100,
  arnLength: 2_048,
  actionLength: 256,
  /** UTF-8 bytes of all keys and values of a request context. */
  contextBytes: 16_384,
  /** Keys of a request context. */
  contextEntries: 256,
  /** Values of all keys of a request context together. */
  contextValues: 256,
  /** Sessions of one name that have not ended: each may be a gate of a decision about that name. */
  activeSessions: 1_000,
  /** Sessions of one name that have ended and are still kept. */
  endedSessions: 100,
  /** API keys of one principal that are active. */
  activeApiKeys: 10,
  /** Characters that one decision may search with the patterns of its policies; every other comparison counts ten. */
  evaluationWork: 1_000_000,
  /** Of one search for who can assume roles, in looks at what is known already; a decision on one principal counts 15. */
  assumeSearchWork: 80_000_000,
} as const;

/** RAM's quotas and lengths (D30): errors on writes through the API, warnings on import. */
export const RAM_LIMITS = {
  customPolicyCharacters: 6_144,
  sessionPolicyCharacters: 2_048,
  versionsPerPolicy: 5,
  customPoliciesPerAccount: 1_500,
  usersPerAccount: 5_000,
  groupsPerAccount: 300,
  rolesPerAccount: 1_000,
  groupsPerUser: 10,
  systemPoliciesPerIdentity: 20,
  customPoliciesPerIdentity: 10,
  tagsPerResource: 20,
  tagLength: 128,
  policyNameLength: 128,
  policyDescriptionLength: 1_024,
  nameLength: 64,
  secretNameLength: 192,
  aliasNameLength: 255,
  sessionNameMinLength: 2,
  sessionNameMaxLength: 64,
  sessionDurationMinSeconds: 900,
  sessionDurationDefaultSeconds: 3_600,
  /** A session that assumes a role; `maxSessionDuration` of the role does not count then. */
  chainedSessionMaxSeconds: 3_600,
  roleMaxSessionMinSeconds: 3_600,
  roleMaxSessionMaxSeconds: 43_200,
} as const;

/** Names as RAM and KMS accept them (D30). */
export const NAME_RULES = {
  user: /^[A-Za-z0-9._-]{1,64}$/,
  group: /^[A-Za-z0-9-]{1,64}$/,
  role: /^[A-Za-z0-9.-]{1,64}$/,
  policy: /^[A-Za-z0-9-]{1,128}$/,
  session: /^[A-Za-z0-9.@_-]{2,64}$/,
  secret: /^[A-Za-z0-9_/+=.@!-]{1,192}$/,
  alias: /^alias\/(?!acs)[A-Za-z0-9_/-]{1,249}$/,
  tag: /^[\p{L}\p{N}/\\_.+=:@-]{0,128}$/u,
} as const;
