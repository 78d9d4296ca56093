// The look of reports: colours for light and dark, told apart by people who see colours differently (after Okabe and
// Ito), and the page's style sheet and script. Nothing is fetched from anywhere.
#pragma once

#include <cstddef>
#include <string>

namespace plait::report {

inline constexpr std::size_t kSeriesColours = 10;

// "var(--c3)": the colour of series k, again from the first one after the last.
std::string series_colour(std::size_t k);

// Declares the colours on `selector`: light, and dark where the reader's system is dark (never on paper).
std::string colour_css(const std::string& selector);

std::string page_css();
std::string page_script();  // sorts a table by the column whose heading's button is pressed

}  // namespace plait::report
