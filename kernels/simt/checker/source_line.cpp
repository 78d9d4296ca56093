#include "kernels/simt/checker/source_line.h"

#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <map>
#include <mutex>

namespace plait::simt {
namespace {

// line: of the instruction; call: where the function that it belongs to was entered, if it was inlined there.
struct Symbol {
  std::string function, line, call;
};

// "/a/b/gemm.cu:88 (discriminator 2)" to "gemm.cu:88".
std::string tidy(std::string line) {
  if (const auto remark = line.find(" (discriminator"); remark != std::string::npos) line.resize(remark);
  const auto slash = line.rfind('/');
  return slash == std::string::npos ? line : line.substr(slash + 1);
}

std::string read_line(std::FILE* pipe) {
  std::string text;
  for (int c; (c = std::fgetc(pipe)) != EOF && c != '\n';) text += static_cast<char>(c);
  return text;
}

// One call of addr2line an address, kept: reports are few.
Symbol look_up(const char* address) {
  static std::mutex mutex;
  static std::map<const char*, Symbol> known;
  const std::lock_guard lock(mutex);
  if (const auto found = known.find(address); found != known.end()) return found->second;
  Symbol symbol;
  Dl_info info{};
  std::array<char, 4096> program{};
  if (dladdr(address, &info) != 0 && readlink("/proc/self/exe", program.data(), program.size() - 1) > 0) {
    std::array<char, 4400> command{};
    std::snprintf(command.data(), command.size(), "addr2line -f -C -i -e '%s' 0x%zx 2>/dev/null", program.data(),
                  static_cast<std::size_t>(address - static_cast<const char*>(info.dli_fbase)));
    if (std::FILE* pipe = popen(command.data(), "r")) {
      // Innermost first; the last one is the kernel, or a function that was not inlined.
      for (std::string function; !(function = read_line(pipe)).empty();) {
        symbol.function = function;
        symbol.call = read_line(pipe);
        if (symbol.line.empty()) symbol.line = symbol.call;
      }
      pclose(pipe);
    }
  }
  return known[address] = symbol;
}

std::string hexadecimal(const void* address) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%p", address);
  return text.data();
}

}  // namespace

std::string source_line(const void* return_address) {
  const Symbol symbol = look_up(static_cast<const char*>(return_address) - 1);
  if (symbol.line.empty() || symbol.line[0] == '?') return hexadecimal(return_address);
  const std::string line = tidy(symbol.line), call = tidy(symbol.call);
  return call == line ? line : line + " (called at " + call + ")";
}

std::string function_name(const void* function) {
  std::string name = look_up(static_cast<const char*>(function)).function;
  if (name.empty() || name[0] == '?') return hexadecimal(function);
  // "void plait::(anonymous namespace)::name<...>(parameters)" without what a reader does not need.
  for (const std::string noise : {"plait::(anonymous namespace)::", "void ", "plait::"})
    for (std::size_t at; (at = name.find(noise)) != std::string::npos;) name.erase(at, noise.size());
  return name.substr(0, name.find('('));
}

}  // namespace plait::simt
