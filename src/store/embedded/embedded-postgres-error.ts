/** The embedded PostgreSQL cannot be used here. The message always names the way out. */
export class EmbeddedPostgresError extends Error {
  override readonly name = "EmbeddedPostgresError";

  constructor(reason: string, options?: ErrorOptions) {
    super(
      `the embedded PostgreSQL cannot be used: ${reason}; set DATABASE_URL to a PostgreSQL server of your own`,
      options,
    );
  }
}
