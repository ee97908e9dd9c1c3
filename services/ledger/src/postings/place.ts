/** A place where points can be spent: one store of a brand, or all its stores. */
export interface Place {
  readonly brand: string;
  /** Null: every store of the brand. */
  readonly store: string | null;
}

/** Stored form: `brand` or `brand/store`. It is unambiguous because a slug contains no slash. */
export function placeText({ brand, store }: Place): string {
  return store === null ? brand : `${brand}/${store}`;
}
