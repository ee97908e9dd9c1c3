/** A keyed hash by which consents up to a time bring nobody to a brand. */
export interface Suppression {
  readonly kind: string;
  readonly hashVersion: number;
  readonly hash: Buffer;
  readonly since: Date;
  readonly hadPhone: boolean;
}

/** One as it was told before. */
export interface ToldSuppression extends Suppression {
  readonly brand: string;
  readonly recordedAt: Date;
}

/** An active link of somebody who has left. */
export interface EndedLink {
  readonly memberRef: string;
  readonly since: Date;
}
