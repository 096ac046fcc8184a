thanos_fuzz(elf_symbols profile)
