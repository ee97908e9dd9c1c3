import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';

/** A certificate and its private key, PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority that is trusted only by holders of its certificate. */
export interface CertificateAuthority {
  /** Its own certificate, PEM. */
  readonly cert: string;
  /** A certificate for a server with the given DNS names and IPv4 addresses, or for a client by its name. */
  issue(name: string, ...subjects: string[]): Certificate;
}

const DAY_MS = 86_400_000;
const ECDSA_SHA256 = '06082a8648ce3d040302';
const COMMON_NAME = '0603550403';
const SUBJECT_ALT_NAME = '0603551d11';
const BASIC_CONSTRAINTS = '0603551d13';

/** One DER value: tag, length, content. */
function der(tag: number, ...parts: (Buffer | string)[]): Buffer {
  const content = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'hex') : part)));
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const sequence = (...parts: (Buffer | string)[]): Buffer => der(0x30, ...parts);
const algorithm = sequence(ECDSA_SHA256);
const nameOf = (name: string): Buffer => sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from(name)))));
const time = (at: number): Buffer => der(0x18, Buffer.from(new Date(at).toISOString().replace(/[-:T]|\.\d+/g, '')));
const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
  sequence(id, critical ? '0101ff' : '', der(0x04, value));

function subjectOf(subject: string): Buffer {
  const address = /^\d+(\.\d+){3}$/.test(subject);
  return address ? der(0x87, Buffer.from(subject.split('.').map(Number))) : der(0x82, Buffer.from(subject));
}

function certificate(
  subject: { name: string; publicKey: KeyObject; extensions: Buffer[] },
  issuer: { name: string; privateKey: KeyObject },
): string {
  const now = Date.now();
  const serial = randomBytes(8);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const body = sequence(
    der(0xa0, '020102'),
    der(0x02, serial),
    algorithm,
    nameOf(issuer.name),
    sequence(time(now - DAY_MS), time(now + DAY_MS)),
    nameOf(subject.name),
    subject.publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...subject.extensions)),
  );
  const signature = sign('sha256', body, issuer.privateKey);
  const whole = sequence(body, algorithm, der(0x03, '00', signature));
  return `-----BEGIN CERTIFICATE-----\n${whole.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`;
}

/** Creates a certificate authority (ECDSA on P-256, valid for a day) for TLS specs. */
export function certificateAuthority(name = 'Hezong test authority'): CertificateAuthority {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = { name, privateKey: own.privateKey };
  const constraints = extension(BASIC_CONSTRAINTS, true, sequence('0101ff'));
  return {
    cert: certificate({ name, publicKey: own.publicKey, extensions: [constraints] }, issuer),
    issue(subjectName, ...subjects) {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const names = subjects.length === 0 ? [subjectName] : subjects;
      const alternatives = extension(SUBJECT_ALT_NAME, false, sequence(...names.map(subjectOf)));
      const cert = certificate({ name: subjectName, publicKey, extensions: [alternatives] }, issuer);
      return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
    },
  };
}
