# SPDX-License-Identifier: MIT
# What `luge cc` needs to make a plugin of a method file: the engine's files, and the compiler with its flags.

# From src, and the list of levels that the build has made.  All of it lies under include/luge, in the build folder and
# where luge is installed, so that the command finds it from its own place.
file(GLOB PLUGIN_SUPPORT RELATIVE ${PROJECT_SOURCE_DIR}/src CONFIGURE_DEPENDS src/methods/support/*.h)
set(PLUGIN_FILES core/core.h core/elementary.c engine/describe.inc engine/end.inc engine/engine.h engine/kernels.inc
  engine/loop_cpu.inc engine/method.h engine/plugin.h engine/plugin.inc engine/point.inc engine/real.h engine/touch.inc
  ${PLUGIN_SUPPORT})

function(luge_plugin_tree)
  set(tree ${PROJECT_BINARY_DIR}/include/luge)
  foreach(file IN LISTS PLUGIN_FILES)
    get_filename_component(folder ${tree}/${file} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/src/${file} ${tree}/${file} SYMBOLIC)
  endforeach()
  file(CREATE_LINK ${GENERATED}/levels.inc ${tree}/engine/levels.inc SYMBOLIC)
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/include/luge/luge.h ${tree}/luge.h SYMBOLIC)
  file(CREATE_LINK ${GENERATED}/luge/version.h ${tree}/version.h SYMBOLIC)
endfunction()

function(luge_plugin_install)
  foreach(file IN LISTS PLUGIN_FILES)
    get_filename_component(folder ${file} DIRECTORY)
    install(FILES src/${file} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/luge/${folder})
  endforeach()
  install(FILES ${GENERATED}/levels.inc DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/luge/engine)
endfunction()

# plugin_flags.inc: the compiler, all flags of the kernels but that of the level, and where the headers are seen from
# the command.
function(luge_plugin_flags)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
  separate_arguments(common UNIX_COMMAND "${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${type}} ${OpenMP_C_FLAGS}")
  set(text "#define PLUGIN_COMPILER \"${CMAKE_C_COMPILER}\"\n#define PLUGIN_FLAGS")
  foreach(flag IN LISTS common COMMON_FLAGS KERNEL_FLAGS)
    string(APPEND text " \"${flag}\",")
  endforeach()
  string(APPEND text " \"-std=gnu11\", \"-fPIC\"\n#define PLUGIN_LEVELS")
  foreach(level IN LISTS LUGE_LEVELS)
    set(march "-march=x86-64-${level}")
    if(level STREQUAL plain)
      set(march "")
    endif()
    string(APPEND text " { \"-DISA=${level}\", \"${march}\" },")
  endforeach()
  cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_INCLUDEDIR BASE_DIRECTORY /prefix OUTPUT_VARIABLE include)
  cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_BINDIR BASE_DIRECTORY /prefix OUTPUT_VARIABLE bin)
  file(RELATIVE_PATH from ${bin} ${include})
  file(CONFIGURE OUTPUT ${GENERATED}/plugin_flags.inc CONTENT "${text}\n#define PLUGIN_INCLUDE \"${from}\"\n" @ONLY)
endfunction()
