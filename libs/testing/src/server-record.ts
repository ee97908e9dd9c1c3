/** What a run knows of one of its servers; written for the other workers and for the sweeper, who ends the process, if it is one. */
export interface ServerRecord {
  /** For people: which server this is. */
  says: string;
  /** Superuser URL of PostgreSQL, or `host:port` of the Kafka broker. */
  address: string;
  pid?: number;
  signal?: NodeJS.Signals;
}
