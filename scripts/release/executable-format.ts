import type { Target } from "../build/targets.ts";

export interface ExecutableFormat {
  readonly format: Target["format"];
  readonly architecture: Target["architecture"];
  /** The loader that an ELF file names: which C library it was made for. */
  readonly loader?: string;
}

/**
 * What an executable says of itself in its own header (64-bit little-endian ELF, thin Mach-O, PE32+), read from its first bytes;
 * undefined where that is none of the targets of glue.
 */
export function executableFormat(bytes: Uint8Array): ExecutableFormat | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) === 0x7f454c46) return elf(view);
  if (view.getUint32(0, true) === 0xfeedfacf) return machO(view);
  if (view.getUint16(0) === 0x4d5a) return pe(view);
  return undefined;
}

function elf(view: DataView): ExecutableFormat | undefined {
  const is64BitLittleEndian = view.getUint8(4) === 2 && view.getUint8(5) === 1;
  const architecture = pick({ 62: "x64", 183: "arm64" }, view.getUint16(18, true));
  if (!is64BitLittleEndian || architecture === undefined) return undefined;
  const headers = Number(view.getBigUint64(32, true));
  const size = view.getUint16(54, true);
  for (let index = 0; index < view.getUint16(56, true); index++) {
    const header = headers + index * size;
    if (view.getUint32(header, true) !== 3 /* PT_INTERP */) continue;
    const start = Number(view.getBigUint64(header + 8, true));
    const length = Number(view.getBigUint64(header + 32, true));
    return { format: "ELF", architecture, loader: text(view, start, length - 1) };
  }
  return { format: "ELF", architecture };
}

function machO(view: DataView): ExecutableFormat | undefined {
  const architecture = pick({ 16777223: "x64", 16777228: "arm64" }, view.getUint32(4, true));
  return architecture && { format: "Mach-O", architecture };
}

function pe(view: DataView): ExecutableFormat | undefined {
  const header = view.getUint32(0x3c, true);
  if (text(view, header, 4) !== "PE\0\0") return undefined;
  const architecture = pick({ 34404: "x64", 43620: "arm64" }, view.getUint16(header + 4, true));
  return architecture && { format: "PE", architecture };
}

function pick(known: Record<number, Target["architecture"]>, machine: number): Target["architecture"] | undefined {
  return known[machine];
}

function text(view: DataView, start: number, length: number): string {
  return new TextDecoder("latin1").decode(new Uint8Array(view.buffer, view.byteOffset + start, length));
}
