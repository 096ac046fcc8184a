# thanos_unit_tests(<room>... [LIBS <target>...]): the calling folder's *_test.cc are one binary
# <folder>_tests, one ctest entry. The rooms named are linked.
function(thanos_unit_tests)
  cmake_parse_arguments(TESTS "" "" "LIBS" ${ARGN})
  get_filename_component(folder ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  get_filename_component(parent ${CMAKE_CURRENT_SOURCE_DIR}/.. ABSOLUTE)
  get_filename_component(kind ${parent} NAME)
  set(name ${kind}_${folder})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  add_executable(${name} ${sources})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${name} PRIVATE
    THANOS_SHARED_DIR="${PROJECT_SOURCE_DIR}/../shared"
    THANOS_TEST_DATA_DIR="${PROJECT_SOURCE_DIR}/tests/data"
    THANOS_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  foreach(room IN LISTS TESTS_UNPARSED_ARGUMENTS)
    target_link_libraries(${name} PRIVATE thanos_${room})
  endforeach()
  target_link_libraries(${name} PRIVATE ${TESTS_LIBS} GTest::gmock_main)
  if(TARGET thanos_test_pch)
    target_precompile_headers(${name} REUSE_FROM thanos_test_pch)
  endif()
  add_test(NAME ${kind}.${folder} COMMAND ${name})
  set_tests_properties(${kind}.${folder} PROPERTIES TIMEOUT 300 LABELS ${kind})
endfunction()

# thanos_fuzz(<name> <rooms>...): tests/fuzz/<name>_fuzz.cc with corpus tests/fuzz/corpus/<name>/.
# With THANOS_FUZZ a libFuzzer binary; always a replay of the corpus as a test.
function(thanos_fuzz name)
  add_executable(fuzz_${name} ${name}_fuzz.cc)
  set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  foreach(room IN LISTS ARGN)
    target_link_libraries(fuzz_${name} PRIVATE thanos_${room})
  endforeach()
  if(THANOS_FUZZ)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    add_test(NAME fuzz.${name}
             COMMAND fuzz_${name} -runs=0 ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
  else()
    target_sources(fuzz_${name} PRIVATE replay_main.cc)
    add_test(NAME fuzz.${name} COMMAND fuzz_${name} ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
  endif()
  set_tests_properties(fuzz.${name} PROPERTIES TIMEOUT 120 LABELS fuzz)
endfunction()

# thanos_bench(<name> <rooms>...): <name>_bench.cc, a google-benchmark binary in bench/.
function(thanos_bench name)
  add_executable(bench_${name} ${name}_bench.cc)
  set_target_properties(bench_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
  target_include_directories(bench_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  foreach(room IN LISTS ARGN)
    target_link_libraries(bench_${name} PRIVATE thanos_${room})
  endforeach()
  target_link_libraries(bench_${name} PRIVATE benchmark::benchmark_main)
endfunction()
