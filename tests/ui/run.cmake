# cmake -P: tests of ui/ with the packages of the build tree. SOURCE, WORK, NPM, WHAT (a script of
# package.json).
if(NOT EXISTS ${WORK}/node_modules)
  message("skipped: the packages of the web UI could not be installed when it was built")
  return()
endif()
file(REMOVE_RECURSE ${WORK}/tests)
file(COPY ${SOURCE}/tests DESTINATION ${WORK})
execute_process(COMMAND ${NPM} run --silent ${WHAT} WORKING_DIRECTORY ${WORK} RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "tests of the web UI failed: ${WHAT}")
endif()
