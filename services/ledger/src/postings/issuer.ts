/** Issuer of points funded by the alliance's operator; no brand may have this name. */
export const OPERATOR = 'operator';
