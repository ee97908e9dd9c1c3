/** Record of one server of a run, for the other workers and for the sweeper, which ends its process, if it is one. */
export interface ServerRecord {
  /** Informative name of the server. */
  says: string;
  /** Superuser URL of PostgreSQL, or `host:port` of the Kafka broker. */
  address: string;
  pid?: number;
  signal?: NodeJS.Signals;
}
