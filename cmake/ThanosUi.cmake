# The bundle of the web UI that goes into the binary. Sets THANOS_UI_BUNDLE ("-" for none), the
# folder that src/ui embeds, and THANOS_UI_STAMP, the file that changes when the bundle does.
#
# Where Node is present the UI is built from ui/src, else the checked-in ui/dist is taken:
#   THANOS_UI          OFF builds without the UI.
#   THANOS_UI_REBUILD  AUTO: from source where Node 20 is present; ON: from source or not at all;
#                      OFF: the checked-in bundle.
option(THANOS_UI "The web UI is part of the binary" ON)
set(THANOS_UI_REBUILD AUTO CACHE STRING "Build the web UI from source: AUTO, ON or OFF")
set_property(CACHE THANOS_UI_REBUILD PROPERTY STRINGS AUTO ON OFF)

set(THANOS_UI_CHECKED_IN ${PROJECT_SOURCE_DIR}/ui/dist)
set(THANOS_UI_BUNDLE "-")
set(THANOS_UI_STAMP "")
set(THANOS_UI_FROM_SOURCE OFF)

if(THANOS_UI)
  if(NOT THANOS_UI_REBUILD MATCHES "^(AUTO|ON|OFF)$")
    message(FATAL_ERROR "THANOS_UI_REBUILD is ${THANOS_UI_REBUILD}, it must be AUTO, ON or OFF")
  endif()
  if(NOT THANOS_UI_REBUILD STREQUAL "OFF")
    find_program(THANOS_NODE NAMES node nodejs)
    find_program(THANOS_NPM npm)
    if(THANOS_NODE AND THANOS_NPM)
      execute_process(COMMAND ${THANOS_NODE} -p "process.versions.node.split('.')[0]"
                      OUTPUT_VARIABLE node_major OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
      if(node_major GREATER_EQUAL 20)
        set(THANOS_UI_FROM_SOURCE ON)
      endif()
    endif()
    if(THANOS_UI_REBUILD STREQUAL "ON" AND NOT THANOS_UI_FROM_SOURCE)
      message(FATAL_ERROR "THANOS_UI_REBUILD=ON needs Node 20 or newer and npm, which were not "
                          "found. THANOS_UI_REBUILD=OFF takes the checked-in bundle.")
    endif()
  endif()

  set(have_checked_in OFF)
  if(EXISTS ${THANOS_UI_CHECKED_IN}/assets.json)
    set(have_checked_in ON)
  endif()
  if(THANOS_UI_FROM_SOURCE)
    set(THANOS_UI_BUNDLE ${CMAKE_BINARY_DIR}/ui/dist)
    set(THANOS_UI_STAMP ${CMAKE_BINARY_DIR}/ui/bundle.stamp)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/ui/src/*
         ${PROJECT_SOURCE_DIR}/ui/public/* ${PROJECT_SOURCE_DIR}/ui/scripts/*)
    file(GLOB top CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/ui/*.json ${PROJECT_SOURCE_DIR}/ui/*.ts
         ${PROJECT_SOURCE_DIR}/ui/*.html ${PROJECT_SOURCE_DIR}/ui/.npmrc)
    add_custom_command(
      OUTPUT ${THANOS_UI_STAMP}
      COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR}/ui -DWORK=${CMAKE_BINARY_DIR}/ui
              -DCHECKED_IN=${THANOS_UI_CHECKED_IN} -DMODE=${THANOS_UI_REBUILD}
              -DNPM=${THANOS_NPM} -DSTAMP=${THANOS_UI_STAMP}
              -P ${PROJECT_SOURCE_DIR}/cmake/BuildUi.cmake
      DEPENDS ${sources} ${top} ${PROJECT_SOURCE_DIR}/cmake/BuildUi.cmake
      COMMENT "Building the web UI from source" VERBATIM)
  elseif(have_checked_in)
    set(THANOS_UI_BUNDLE ${THANOS_UI_CHECKED_IN})
    set(THANOS_UI_STAMP ${THANOS_UI_CHECKED_IN}/assets.json)
  else()
    message(FATAL_ERROR "There is neither a bundle of the web UI (ui/dist) nor Node 20 to build it. "
                        "Either install Node and npm, or build without the UI: -DTHANOS_UI=OFF")
  endif()
endif()

# For the tests, which lie in another folder.
set(THANOS_UI_FROM_SOURCE ${THANOS_UI_FROM_SOURCE} CACHE INTERNAL "")
