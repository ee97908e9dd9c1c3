import { drawInternalKey } from '#libs/auth';
import type { Field } from '#libs/config';
import type { AnyServiceDefinition } from '#libs/http';

const NOWHERE = 'http://127.0.0.1:9';
const ZEROS = Buffer.alloc(32).toString('base64');
/** An address, a key, a list of numbered keys, a key pair, a set of keys: every variable accepts one of them. */
const STAND_INS = [
  NOWHERE,
  ZEROS,
  `1:${ZEROS}`,
  JSON.stringify(drawInternalKey('nobody')),
  JSON.stringify({ keys: [] }),
];

/** Provides values for variables without a default, for applications that are inspected and never run. */
export function anyEnvironment(definition: AnyServiceDefinition): Record<string, string> {
  const declared = definition.config.fields as Record<string, Field<unknown>>;
  const fields = Object.values(declared);
  return Object.fromEntries(
    fields
      .filter((field) => field.default === undefined)
      .map(({ variable, type }) => [variable, STAND_INS.find((text) => type.safeParse(text).success) ?? '']),
  );
}
