# SPDX-License-Identifier: MIT
# What an installation holds: both libraries, the headers, files for pkg-config and find_package, the command.
include(CMakePackageConfigHelpers)
set(PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/luge)

foreach(kind IN ITEMS static shared)
  install(TARGETS luge_${kind} EXPORT luge-${kind})
  install(EXPORT luge-${kind} NAMESPACE luge:: DESTINATION ${PACKAGE_DIR})
endforeach()
install(DIRECTORY include/luge ${GENERATED}/luge DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

configure_package_config_file(cmake/luge-config.cmake.in ${GENERATED}/luge-config.cmake
  INSTALL_DESTINATION ${PACKAGE_DIR})
write_basic_package_version_file(${GENERATED}/luge-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${GENERATED}/luge-config.cmake ${GENERATED}/luge-config-version.cmake DESTINATION ${PACKAGE_DIR})

# The pkg-config file finds its prefix from its own place, so that the tree may be moved.
file(RELATIVE_PATH PC_UP /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" PC_UP "${PC_UP}")
set(PC_REQUIRES jansson)
if(ZLIB_FOUND)
  string(APPEND PC_REQUIRES ", zlib")
endif()
if(CMAKE_DL_LIBS)
  set(PC_DL -l${CMAKE_DL_LIBS})
endif()
if(LUGE_BLAS)
  string(APPEND PC_REQUIRES ", lapacke, blas")
endif()
configure_file(cmake/luge.pc.in ${GENERATED}/luge.pc @ONLY)
install(FILES ${GENERATED}/luge.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(LUGE_COMMAND)
  install(TARGETS ${COMMANDS})
  luge_plugin_install()
  install(FILES man/luge.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
