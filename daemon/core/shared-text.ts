/** Texts that are kept by the thousand: how they take no more memory than their characters. */
import { remember } from './remember.js';

/** A storm has some dozen sentences, such as how each was detected; what differs from record to record must not fill the memory. */
const TEXTS_MAX = 1024;

const texts = new Map<string, string>();

/** @returns an equal text, the same one for all who ask: else each record keeps a copy of its own, and the pieces of it. */
export function sharedText(text: string): string {
  return texts.get(text) ?? remember(texts, TEXTS_MAX, text, text);
}

/** Joins them: a template leaves a tree that points to its parts, and all of it is kept for as long as the text is. */
export function inOnePiece(parts: readonly (string | number | bigint)[], separator: string): string {
  return parts.join(separator);
}
