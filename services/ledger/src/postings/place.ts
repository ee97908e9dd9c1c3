/** Where points can be spent: at one store of a brand, or at all of them. */
export interface Place {
  readonly brand: string;
  /** Null: everywhere at the brand. */
  readonly store: string | null;
}

/** As the books write it: `brand` or `brand/store`. A slug has no slash, so nothing else is written like it. */
export function placeText({ brand, store }: Place): string {
  return store === null ? brand : `${brand}/${store}`;
}
