# cmake -P: builds ui/ in a folder of the build tree, so that nothing is written among the sources.
# SOURCE, WORK, CHECKED_IN, MODE (AUTO or ON), NPM, STAMP. In AUTO mode a machine that cannot fetch
# the locked packages gets the checked-in bundle, with a warning.
file(MAKE_DIRECTORY ${WORK})
# What is gone from the sources must not be built.
file(GLOB old ${WORK}/src ${WORK}/public ${WORK}/scripts ${WORK}/dist)
if(old)
  file(REMOVE_RECURSE ${old})
endif()
file(COPY ${SOURCE}/ DESTINATION ${WORK}
     PATTERN node_modules EXCLUDE PATTERN dist EXCLUDE PATTERN tests EXCLUDE)

function(give_up what)
  if(MODE STREQUAL "AUTO" AND EXISTS ${CHECKED_IN}/assets.json)
    message(WARNING "${what}: the checked-in bundle ui/dist is embedded instead")
    file(REMOVE_RECURSE ${WORK}/dist)
    file(COPY ${CHECKED_IN}/ DESTINATION ${WORK}/dist)
    file(WRITE ${WORK}/origin "checked-in\n")
    file(TOUCH ${STAMP})
  else()
    message(FATAL_ERROR "${what}. -DTHANOS_UI_REBUILD=OFF takes the checked-in bundle, "
                        "-DTHANOS_UI=OFF builds without the UI")
  endif()
endfunction()

# Packages are fetched again only when the lock says so.
file(SHA256 ${WORK}/package-lock.json lock)
set(installed "")
if(EXISTS ${WORK}/installed)
  file(READ ${WORK}/installed installed)
endif()
if(NOT installed STREQUAL lock)
  execute_process(COMMAND ${NPM} ci --ignore-scripts --no-audit --no-fund --loglevel=error
                  WORKING_DIRECTORY ${WORK} RESULT_VARIABLE failed)
  if(failed)
    give_up("the locked packages of the web UI could not be installed")
    return()
  endif()
  file(WRITE ${WORK}/installed ${lock})
endif()
execute_process(COMMAND ${NPM} run --silent build WORKING_DIRECTORY ${WORK}
                RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(failed)
  # A broken source is not something to pass over.
  message(FATAL_ERROR "building the web UI failed:\n${output}")
endif()
file(WRITE ${WORK}/origin "built\n")
file(TOUCH ${STAMP})
