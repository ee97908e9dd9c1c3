import { z } from 'zod';

/** Parsers for the text values of the environment. */
export const text: z.ZodType<string> = z.string().min(1, 'must not be empty');

export const port: z.ZodType<number> = z
  .string()
  .regex(/^\d{1,5}$/, 'must be a port number')
  .transform(Number)
  .refine((value) => value <= 65_535, 'must be at most 65535');

/** A port, or null for `none`. */
export const portOrNone: z.ZodType<number | null> = z.union([z.literal('none').transform(() => null), port]);

export const flag: z.ZodType<boolean> = z
  .enum(['true', 'false'], { error: 'must be true or false' })
  .transform((value) => value === 'true');

export const url: z.ZodType<string> = z.url('must be a URL');

/** Modes that encrypt but do not verify the server are not accepted. */
const TLS_MODES = new Set([null, 'disable', 'verify-full']);

/**
 * URL of a PostgreSQL database. `sslmode=verify-full` is TLS to a server that `sslrootcert` (a file; else the system's authorities)
 * certifies.
 */
export const databaseUrl: z.ZodType<string> = z
  .url('must be a URL')
  .refine((value) => !URL.canParse(value) || TLS_MODES.has(new URL(value).searchParams.get('sslmode')), {
    message: 'has an sslmode that is neither disable nor verify-full',
  });

export const urlList: z.ZodType<string[]> = z
  .string()
  .transform((value) => value.split(',').map((part) => part.trim()))
  .refine(
    (parts) => parts.every((part) => z.url().safeParse(part).success),
    'must be a URL, or several separated by commas',
  );

/** The first of one or more URLs, comma-separated. */
export const firstUrl: z.ZodType<string> = urlList.transform((urls) => urls[0] ?? '');

export function integer(min: number, max: number): z.ZodType<number> {
  return z
    .string()
    .regex(/^-?\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be from ${min} to ${max}`);
}

/** Comma-separated values; an empty text is an empty list. */
export const list: z.ZodType<string[]> = z.string().transform((value) =>
  value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);

export function oneOf<const V extends readonly [string, ...string[]]>(...values: V): z.ZodType<V[number]> {
  return z.enum(values, { error: `must be one of ${values.join(', ')}` });
}

export const zone: z.ZodType<string> = z.string().refine((value) => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: value });
    return true;
  } catch {
    return false;
  }
}, 'must be an IANA time zone');

export const currency: z.ZodType<string> = z.string().regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code');

const coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'must be 32 bytes, base64url');

const publicKey = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  kid: z.string().regex(/^[a-z]+\.\d{1,6}$/, 'must have a kid of the form <service>.<number>'),
  x: coordinate,
  y: coordinate,
});

const signingKey = publicKey.extend({ d: coordinate });

/** A public ES256 key (JWK). */
export type PublicKey = z.infer<typeof publicKey>;
/** A private ES256 key (JWK). */
export type PrivateKey = z.infer<typeof signingKey>;

function json<T>(shape: z.ZodType<T>): z.ZodType<T> {
  return z
    .string()
    .transform((value, context) => {
      try {
        return JSON.parse(value) as unknown;
      } catch {
        context.addIssue({ code: 'custom', message: 'must be JSON' });
        return z.NEVER;
      }
    })
    .pipe(shape);
}

/** A private ES256 key as JWK, JSON. */
export const privateKey: z.ZodType<PrivateKey> = json(signingKey);

/** Public ES256 keys as JWKS, JSON; each kid once. */
export const publicKeys: z.ZodType<{ keys: PublicKey[] }> = json(
  z
    .strictObject({ keys: z.array(publicKey) })
    .refine(({ keys }) => new Set(keys.map(({ kid }) => kid)).size === keys.length, 'has a kid twice'),
);
