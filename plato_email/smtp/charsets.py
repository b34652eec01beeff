# ruff: noqa: RUF001 (letters of other scripts are what this is about)
"""The words of a server that does not write UTF-8: which charset they are likely to be in.

A reply is a line or two, too short for the statistics of a library. What tells the charsets apart
here is how a text looks in each: whole words of one script, in the case that words have, made of
the characters that its languages use most.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache

_SAMPLE = 600
"""Octets that are looked at; they cost the same however long the reply is."""

Score = Callable[[str], float]
"""How much a text looks like one of a script: for each character beyond ASCII, from -3 to 3."""

# What servers talk about: mail, user, password, account, address, refused, failed, limit, ...
_CHINESE = frozenset(
    "的不是在有请您你已到未无法被或和为用户名密码邮件箱账帐号错误失败拒绝服务器登录陆授权开启通过发送收信人地址"
    "限制频率超过量数太多次内容垃圾疑似主题连接时间出现认证验身份存非常稍后再试联系管理员客端系统繁忙域名反查可能"
    "需要本日大小满禁止允许异安全设置查看帮助中断命令参语法接受该对方件使证机构功成操作暂原因此"
)
_TRADITIONAL = frozenset(
    "的不是在有請您你已到未無法被或和為用戶名密碼郵件箱賬帳號錯誤失敗拒絕服務伺器登錄入授權開啟通過發送收寄信人者地址"
    "限制頻率超過量數太多次內容垃圾疑似主旨連接線時間出現認證驗身份存非常稍後再試聯繫絡管理員客端系統繁忙網域可能"
    "需要本日大小滿禁止允許異安全設定置查看說明此使找驗碼暫停"
)
_HANGUL = frozenset(
    "이가을를은는에의로으다니습합입하지않못아사용자메일편송수신발주소비밀번호오류실패거부인증서버접속제한초과계정계"
    "없있되었되된해당존재시간나중음까요십청도고기및또"
)
_CYRILLIC = frozenset("оеаинтсрвлкмдпуыь")
_CYRILLIC_PAIRS = frozenset(
    re.findall(
        "..",
        "стнотонаеновниравокоосертьпрпорорезальнеанлаелеттаоматдоитесоткаалолорго"
        "ивлирилеинвадетискупапнныйаяиеияамащ",
    )
)
_CYRILLIC_MARKS = frozenset("«»—–№„“”…\u00a0")
_WESTERN = frozenset("äöüßéèêàìòùçñóíáúâôîûëåæøãõÄÖÜÉÀÅØ«»’“”–…¿¡€")
_CENTRAL = frozenset("ąćęłńóśźżáčďéěíňřšťúůýžőűöüäôľăâîţşđČŘŠŽŁŚŻÚÁ„”–…")
_CJK_MARKS = frozenset("\u3000，。：；！？、（）《》「」『』【】“”‘’…—·〜～ー")
_LETTERS = re.compile(r"[^\W\d_]+")
_RUN = re.compile(r"[A-Za-z]*[^\x00-\x7f]+[A-Za-z]*")
_LOST = "\N{REPLACEMENT CHARACTER}"


def decode(data: bytes) -> str:
    """``data`` in UTF-8 where it is that, else in the charset that its words look like.

    Never fails: what cannot be read becomes U+FFFD. ASCII stays as it is in any charset but where
    a character of several octets takes it in.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        if _is_broken_utf8(data):
            return data.decode(errors="replace")
    else:
        return text if text.isascii() or not _is_chinese_after_all(text, data) else _read(data)
    return _read(data)


def _read(data: bytes) -> str:
    start = re.search(rb"[\x80-\xff]", data)
    begin = max(0, start.start() - 20) if start else 0
    sample = data[begin : begin + _SAMPLE]
    best = max(_CHARSETS, key=lambda name: _CHARSETS[name](sample.decode(name, "replace")))
    return data.decode(best, "replace")


def _is_chinese_after_all(text: str, data: bytes) -> bool:
    """Whether a few characters of GBK happen to be UTF-8 too: a word of scripts that never mix."""
    for word in _RUN.findall(text[:_SAMPLE]):
        letters = [each for each in word if not each.isascii()]
        scripts = {unicodedata.name(each, "?").partition(" ")[0] for each in letters}
        if len(scripts) > 1 and max(map(ord, word)) < 0x800:
            return _CHARSETS["gb18030"](data[:_SAMPLE].decode("gb18030", "replace")) > 1.5
    return False


def _is_broken_utf8(data: bytes) -> bool:
    """Whether it is UTF-8 that was cut off, or has a few wrong octets in it."""
    sample = data[:_SAMPLE]
    wrong = sample.decode(errors="replace").count(_LOST)
    several = sum(1 for each in sample.decode(errors="ignore") if not each.isascii())
    return several > 2 * wrong


def _mean(points: float, count: int) -> float:
    return points / count if count else 0.0


def _cjk(common: Callable[[], frozenset[str]], frequent: frozenset[str]) -> Score:
    """A script of many characters, of which few are common and fewer are frequent."""

    def score(text: str) -> float:
        points, count, usual = 0.0, 0, common()
        for position, each in enumerate(text):
            if each.isascii():
                continue
            count += 1
            if each in frequent:
                points += 2.5
            elif each in usual or each in _CJK_MARKS:
                points += 0.7
            else:
                points -= 3 if each == _LOST else 1
            around = text[position - 1 : position] + text[position + 1 : position + 2]
            if len(around) == 2 and around.isascii() and around.isalpha():
                points -= 3  # inside a word of plain letters
        return _mean(points, count)

    return score


def _block(codec: str, leads: range, trails: range) -> Callable[[], frozenset[str]]:
    """The characters that the standard counts among the common ones: its first level."""

    @cache
    def common() -> frozenset[str]:
        octets = b"".join(bytes((lead, trail)) for lead in leads for trail in trails)
        return frozenset(octets.decode(codec, "ignore"))

    return common


def _cyrillic(text: str) -> float:
    points, count = 0.0, 0
    for word in _RUN.findall(text):
        strange, folded = re.search("[A-Za-z]", word), word.lower()
        for position, each in enumerate(word):
            if each.isascii():
                continue
            count += 1
            if not "\u0400" <= each <= "\u04ff":
                points -= 3 if each == _LOST else 0 if each in _CYRILLIC_MARKS else 1.5
            elif strange or (each.isupper() and word[position - 1 : position].islower()):
                points -= 1
            else:
                points += 1.5 if folded[position] in _CYRILLIC else 0.6
                points += 0.6 if folded[position - 1 : position + 1] in _CYRILLIC_PAIRS else 0
    return _mean(points, count)


def _latin(frequent: frozenset[str], strangers: Callable[[str], int]) -> Score:
    """Plain letters with some that carry a mark between them."""

    def score(text: str) -> float:
        points, count = float(-strangers(text)), 0
        words = {at: word for word in _LETTERS.finditer(text) for at in range(*word.span())}
        for position, each in enumerate(text):
            if each.isascii():
                continue
            count += 1
            before = text[position - 1 : position]
            word = words.get(position)
            if word is None or each in "ªº":
                points += 1.3 if each in frequent and not before.isalpha() else -1.5
                continue
            marked = sum(1 for letter in word[0] if not letter.isascii())
            strange = 2 * marked > len(word[0]) + 1 or (each.isupper() and before.islower())
            points += -1 if strange else 1.5 if each in frequent else 0.5
        return _mean(points, count)

    return score


def _misread(text: str) -> int:
    """Letters where only those of Central Europe with the same octet make sense."""
    czech = re.findall(r"[øèÈØ](?=[aeiouyáéíóúý])|(?<=[aeu])è|[ìòù](?=\w)", text)
    hungarian = re.findall(r"õ(?!e)", text) if re.search("[áéíóú]", text) else []
    nordic = re.findall(r"ø", text) if re.search("[íý]", text) else []
    return 2 * len(czech + hungarian + nordic)


def _mixed(text: str) -> int:
    """Letters of Polish among Czech ones, or the other way round, whichever are fewer."""
    polish, czech = (len(re.findall(each, text)) for each in ("[ąęłńśźżŚŹŻ]", "[čďěňřšťůľŠŘČ]"))
    return min(polish, czech)


_WIDE = range(0xA1, 0xFF)
_BIG5_TRAILS = range(0x40, 0xFF)
_KANJI = _block("euc_jp", range(0xB0, 0xD0), _WIDE)
_KANA = frozenset(map(chr, (*range(0x3041, 0x3094), *range(0x30A1, 0x30F7))))
_HALF_WIDTH = frozenset(map(chr, range(0xFF61, 0xFFA0)))
_CHARSETS: dict[str, Score] = {
    "cp1252": _latin(_WESTERN, _misread),
    "iso8859_2": _latin(_CENTRAL, _mixed),
    "cp1250": _latin(_CENTRAL, _mixed),
    "cp1251": _cyrillic,
    "koi8_r": _cyrillic,
    "gb18030": _cjk(_block("gb2312", range(0xB0, 0xD8), _WIDE), _CHINESE),
    "big5": _cjk(_block("big5", range(0xA4, 0xC7), _BIG5_TRAILS), _TRADITIONAL),
    "cp949": _cjk(_block("euc_kr", range(0xB0, 0xC9), _WIDE), _HANGUL),
    "euc_jp": _cjk(_KANJI, _KANA),
    "cp932": _cjk(lambda: _KANJI() | _HALF_WIDTH, _KANA),
}
"""Of two that score the same, the first."""
