"""Words of many languages against the text as its speakers write it."""

import pytest

from bids_app.language.spacing import join_words, spaces_before

NATURAL = {
    "French": ("j' ai vu l' étoile qu' il aimait , aujourd' hui .", "j'ai vu l'étoile qu'il aimait, aujourd'hui."),
    "French, typographic": ("S’ il vous plaît … dessine - moi", "S’il vous plaît… dessine - moi"),
    "French, one word": ("aujourd'hui jusqu' à demain", "aujourd'hui jusqu'à demain"),
    "French, inversion": ("dit -il , y a -t-il ?", "dit-il, y a-t-il?"),
    "French, quotes": ("« Bonjour » , dit le renard .", "«Bonjour», dit le renard."),
    "Italian": ("dell' acqua un po' di quell' amica , c' è", "dell'acqua un po' di quell'amica, c'è"),
    "Catalan": ("l' home d' or n' ha", "l'home d'or n'ha"),
    "German": ("„ Ja “ , sagte er , „ das ist 's . “", "„Ja“, sagte er, „das ist's.“"),
    "German, guillemets": ("» Ja « , sagte er", "»Ja«, sagte er"),
    "Spanish": ("¿ Qué ? ¡ No !", "¿Qué? ¡No!"),
    "English": ("do n't cry , \" it 's fine \" .", "don't cry, \"it's fine\"."),
    "English, clitics": ("we 'll see if they ’ve gon na , o' clock", "we'll see if they’ve gonna, o'clock"),
    "English, apostrophes": ("the boys' dog goin' out get 'em o' tea", "the boys' dog goin' out get 'em o' tea"),
    "English, brackets": ("( well , [ sic ] ) $ 5 , 10 %", "(well, [sic]) $5, 10%"),
    "English, dashes": ("he -- said — well -5", "he -- said — well -5"),
    "Dutch": ("in 't huis", "in 't huis"),
    "Chinese": ("小 狐狸 看见 了 一 朵 花 。", "小狐狸看见了一朵花。"),
    "Chinese, mixed": ("我 用 iPhone 15 和 Google Maps ， 「 你好 」 。", "我用iPhone 15和Google Maps，「你好」。"),
    "Japanese": ("きつね は ラーメン を 見 た 。", "きつねはラーメンを見た。"),
    "Korean": ("작은 여우가 꽃을 보았다 .", "작은 여우가 꽃을 보았다."),
    "Thai": ("สุนัข จิ้งจอก เห็น Facebook แล้ว", "สุนัขจิ้งจอกเห็น Facebook แล้ว"),
    "Khmer": ("ខ្ញុំ ឃើញ ផ្កា", "ខ្ញុំឃើញផ្កា"),
    "Lao": ("ຂ້ອຍ ເຫັນ", "ຂ້ອຍເຫັນ"),
    "Myanmar": ("ပန်း ကို", "ပန်းကို"),
    "Arabic": ("مرحبا ، كيف الحال ؟", "مرحبا، كيف الحال؟"),
    "Hindi": ("मैं घर गया ।", "मैं घर गया।"),
    "English with a Chinese word": ("he said 你好 to me and left the old house", None),
}


@pytest.mark.parametrize("name", NATURAL)
def test_words_are_joined_as_people_write(name: str) -> None:
    words, natural = NATURAL[name]
    assert join_words(words.split(" ")) == (natural or words)


def test_the_first_word_has_no_space_and_empty_words_change_nothing() -> None:
    assert spaces_before(["a", "b", "小", ""])[0] is False
    assert spaces_before([]) == []
