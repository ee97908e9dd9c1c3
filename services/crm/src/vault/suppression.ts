/** A keyed hash that blocks contributions to a brand under consents up to a time. */
export interface Suppression {
  readonly kind: string;
  readonly hashVersion: number;
  readonly hash: Buffer;
  readonly since: Date;
  readonly hadPhone: boolean;
}

/** A suppression as published before. */
export interface ToldSuppression extends Suppression {
  readonly brand: string;
  readonly recordedAt: Date;
}

export interface EndedLink {
  readonly memberRef: string;
  readonly since: Date;
}
