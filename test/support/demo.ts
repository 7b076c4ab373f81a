/** Names of the demo account. */
export const ACCOUNT = "1234567890123456";
export const user = (name: string) => `acs:ram::${ACCOUNT}:user/${name}`;
export const group = (name: string) => `acs:ram::${ACCOUNT}:group/${name}`;
export const role = (name: string) => `acs:ram::${ACCOUNT}:role/${name}`;
export const policy = (name: string) => `acs:ram::${ACCOUNT}:policy/${name}`;
export const key = (name: string) => `acs:kms:cn-hangzhou:${ACCOUNT}:key/${name}`;
export const secret = (name: string) => `acs:kms:cn-hangzhou:${ACCOUNT}:secret/${name}`;
export const alias = (name: string) => `acs:kms:cn-hangzhou:${ACCOUNT}:alias/${name}`;
export const APOLLO_KEY = `acs:kms:cn-hangzhou:${ACCOUNT}:key/key-apollo-01`;
export const GEMINI_KEY = `acs:kms:cn-hangzhou:${ACCOUNT}:key/key-gemini-01`;
export const OLD_KEY = `acs:kms:cn-shanghai:${ACCOUNT}:key/key-old-01`;
export const APOLLO_SECRET = `acs:kms:cn-hangzhou:${ACCOUNT}:secret/apollo/db`;
export const GEMINI_SECRET = `acs:kms:cn-hangzhou:${ACCOUNT}:secret/gemini/api-token`;
export const APOLLO_ALIAS = `acs:kms:cn-hangzhou:${ACCOUNT}:alias/apollo`;
