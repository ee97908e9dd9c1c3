import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

const { object, named, text, list, maybe, instant } = shape;
const FIELDS = {
  clientId: text,
  name: text,
  brand: maybe(text),
  scopes: shape.texts,
  authentication: shape.oneOf(['client_secret_basic', 'private_key_jwt']),
  createdAt: instant,
  secrets: list(object({ secretId: text, createdAt: instant })),
};

const CLIENT = named('Client', FIELDS);
export const CLIENT_PAGE = shape.page(CLIENT);
/** The secret is present only in the first answer: not in a repeat, and never for a client with its own key. */
export const NEW_CLIENT = named('NewClient', { ...FIELDS, clientSecret: maybe(text) });
export const NEW_SECRET = named('NewSecret', { secretId: text, clientSecret: text, createdAt: instant });

export type NewClientView = AnswerOf<typeof NEW_CLIENT>;
export type ClientView = AnswerOf<typeof CLIENT>;
export type NewSecretView = AnswerOf<typeof NEW_SECRET>;
