/** Issuer of points that the alliance's operator funds; no brand may bear this name. */
export const OPERATOR = 'operator';
