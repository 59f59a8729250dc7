import type { Second } from '../meter.js';
import type { Summary } from './summary.js';

export type ReportContent = Summary & { seconds: Second[] };

export async function page(content: ReportContent): Promise<string> {
  return JSON.stringify(content);
}
