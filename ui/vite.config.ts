// The bundle: hashed assets below static/, one chunk per page, every address relative to <base>.
import { defineConfig } from 'vite';

// What an API on another port answers is passed on in `npm run dev`: THANOS_API=http://127.0.0.1:10902
const api = process.env['THANOS_API'] ?? 'http://127.0.0.1:10902';
const page = /\/src\/pages\/([^/]+)\/index\.tsx$/;

export default defineConfig({
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    outDir: process.env['THANOS_UI_OUT'] ?? 'dist',
    emptyOutDir: true,
    assetsDir: 'static',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        entryFileNames: 'static/[name]-[hash].js',
        chunkFileNames: (chunk) =>
          `static/${page.exec(chunk.facadeModuleId ?? '')?.[1] ?? chunk.name}-[hash].js`,
        assetFileNames: 'static/[name]-[hash][extname]',
      },
    },
  },
  worker: { format: 'es' },
  server: { host: '127.0.0.1', proxy: { '/api': api, '/-': api } },
  preview: { host: '127.0.0.1', proxy: { '/api': api, '/-': api } },
});
