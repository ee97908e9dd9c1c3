import type { Socket } from 'node:net';
import { PROBLEM_TYPE, problemOf } from './problem.js';

/**
 * Answers a call that never became one: its head or body did not come in time, or was no HTTP. The connection is closed, as
 * nobody knows where on it the next call would begin.
 */
export function answerBrokenCall(error: { code?: string | undefined }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const problem = problemOf(error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'request_timeout' : 'body_unreadable');
  const body = JSON.stringify(problem);
  if (socket.writable) {
    socket.write(
      `HTTP/1.1 ${problem.status} ${problem.title}\r\ncontent-type: ${PROBLEM_TYPE}\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}
