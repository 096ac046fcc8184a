# thanos_room(<name> [DEPS <room>...] [LIBS <target>...] [HEAVY <file>...])
#
# One folder of src/ is one room: one static library thanos_<name>. DEPS are its arrows, held by
# the arrows test. LIBS are third-party targets; they never travel upwards. HEAVY sources compile
# one at a time.
function(thanos_room name)
  cmake_parse_arguments(ROOM "" "" "DEPS;LIBS;HEAVY" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  foreach(heavy IN LISTS ROOM_HEAVY)
    list(REMOVE_ITEM sources ${CMAKE_CURRENT_SOURCE_DIR}/${heavy})
  endforeach()
  add_library(thanos_${name} STATIC ${sources})
  set(targets thanos_${name})
  if(ROOM_HEAVY)
    add_library(thanos_${name}_heavy OBJECT ${ROOM_HEAVY})
    set_target_properties(thanos_${name}_heavy PROPERTIES JOB_POOL_COMPILE heavy)
    target_sources(thanos_${name} PRIVATE $<TARGET_OBJECTS:thanos_${name}_heavy>)
    list(APPEND targets thanos_${name}_heavy)
  endif()
  foreach(target IN LISTS targets)
    target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/src
                               ${PROJECT_SOURCE_DIR}/include)
    target_compile_options(${target} PRIVATE -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
    foreach(dep IN LISTS ROOM_DEPS)
      target_link_libraries(${target} PUBLIC thanos_${dep})
    endforeach()
    target_link_libraries(${target} PRIVATE ${ROOM_LIBS})
  endforeach()
  target_link_libraries(thanos_${name} PUBLIC Threads::Threads)
endfunction()

# thanos_kernels(<file>...): sources of hot loops over arrays, compiled with -O3.
function(thanos_kernels)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS -O3)
  endif()
endfunction()
