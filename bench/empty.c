/* A preload library that does nothing: what the loader takes for any. */
int bench_empty;
