// GPT-2's split of text into words, within which BPE merges.
#pragma once

#include <cstddef>
#include <string_view>

namespace cobra {

/// The end of the word that starts at `begin` (< text.size()) of valid UTF-8. Words tile the text. Linear: a
/// scan looks at no character behind the word but the one that ends it.
///
///     for (size_t begin = 0, end; begin < text.size(); begin = end) {
///       end = word_end(text, begin);
///       use(text.substr(begin, end - begin));
///     }
size_t word_end(std::string_view text, size_t begin);

}  // namespace cobra
