# One CMake target a folder. A target's include path shows its own folder and those of its dependencies, nothing else,
# so that an include against the order of the folders does not compile.

find_package(Threads REQUIRED)

# -O3 is for loops over numbers; the rest (parsers, templates of libraries) only gets slower to build by it.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

add_library(plait_flags INTERFACE)
target_compile_options(plait_flags INTERFACE -Wall -Wextra -Wconversion)
# The same bits on every instruction set: no contraction behind our back (std::fma is written where it is meant). The
# other two only lift promises that nobody uses (errno, trapping) and change no result.
target_compile_options(plait_flags INTERFACE -ffp-contract=off -fno-math-errno -fno-trapping-math)

set(PLAIT_SANITIZE "" CACHE STRING "Sanitizers, comma separated: address,undefined or thread")
if(PLAIT_SANITIZE)
  add_compile_options(-fsanitize=${PLAIT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PLAIT_SANITIZE})
endif()
# A folder's own include path, in PLAIT_VIEW_<folder>: nothing but a link to that folder.
macro(plait_view name)
  set(PLAIT_VIEW_${name} "${CMAKE_BINARY_DIR}/include/${name}")
  file(MAKE_DIRECTORY "${PLAIT_VIEW_${name}}")
  if(NOT EXISTS "${PLAIT_VIEW_${name}}/${name}")
    file(CREATE_LINK "${CMAKE_SOURCE_DIR}/${name}" "${PLAIT_VIEW_${name}}/${name}" SYMBOLIC)
  endif()
endmacro()

# plait_folder(<folder> DEPENDS <folders...> LINK <libraries...> OPTIONS <compiler options...> SOURCES <files...>)
function(plait_folder name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK;OPTIONS;SOURCES" ${ARGN})
  plait_view(${name})
  list(LENGTH ARG_SOURCES count)
  if(count EQUAL 0)
    set(ARG_SOURCES "${CMAKE_SOURCE_DIR}/cmake/empty.cpp")
  endif()
  add_library(plait_${name} STATIC ${ARG_SOURCES})
  target_include_directories(plait_${name} PUBLIC "${PLAIT_VIEW_${name}}")
  target_link_libraries(plait_${name} PRIVATE plait_flags PUBLIC Threads::Threads)
  foreach(dependency IN LISTS ARG_DEPENDS)
    target_link_libraries(plait_${name} PUBLIC plait_${dependency})
  endforeach()
  target_link_libraries(plait_${name} PRIVATE ${ARG_LINK})
  target_compile_options(plait_${name} PRIVATE ${ARG_OPTIONS})
endfunction()
