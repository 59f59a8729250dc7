// What file-quickjs.ts uses of QuickJS's module `std`.

declare module 'std' {
  export interface File {
    seek(offset: number, whence: number): number;
    read(buffer: ArrayBuffer, position: number, length: number): number;
    write(buffer: ArrayBuffer, position: number, length: number): number;
    flush(): void;
    close(): void;
  }
  export function open(path: string, flags: string): File | null;
  export function loadFile(path: string): string | null;
  export function exit(code: number): void;
}
