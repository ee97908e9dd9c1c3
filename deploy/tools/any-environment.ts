import { drawInternalKey } from '#libs/auth';
import type { Field } from '#libs/config';
import type { AnyServiceDefinition } from '#libs/http';

const NOWHERE = 'http://127.0.0.1:9';
const ZEROS = Buffer.alloc(32).toString('base64');
/** An address, a key, a list of numbered keys, a key pair, a set of keys: one of them fits every variable. */
const STAND_INS = [
  NOWHERE,
  ZEROS,
  `1:${ZEROS}`,
  JSON.stringify(drawInternalKey('nobody')),
  JSON.stringify({ keys: [] }),
];

/** Fills in what has no default, for applications that are looked at and never run. */
export function anyEnvironment(definition: AnyServiceDefinition): Record<string, string> {
  const declared = definition.config.fields as Record<string, Field<unknown>>;
  const fields = Object.values(declared);
  return Object.fromEntries(
    fields
      .filter((field) => field.default === undefined)
      .map(({ variable, type }) => [variable, STAND_INS.find((text) => type.safeParse(text).success) ?? '']),
  );
}
