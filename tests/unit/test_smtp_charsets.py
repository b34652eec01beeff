# ruff: noqa: RUF001 (letters of other scripts are what this is about)
"""Replies that are not in UTF-8: readable, without secrets and control characters, in time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plato_email.smtp.charsets import decode
from plato_email.smtp.reply import MAX_REPLY, Reply, Scrub, read_reply, scrubber

WORDS = {
    "gb18030": (
        "登陆失败次数过多",
        "您没有权限使用此服务",
        "附件类型不允许",
        "地址格式错误",
        "此邮箱已注销",
        "发件服务器未通过验证",
        "请更换密码",
        "服务器内部错误",
        "同一时间连接太多",
        "SPF检查失败",
        "域名解析失败",
        "mail 内容不合法",
        "请到网页设置中打开POP3/SMTP",
        "需要SSL加密",
        "认证失败，请检查账号",
        "邮箱容量已满",
        "发送失败：对方拒收",
        "黑名单",
        "超过每日发信上限",
        "服务暂停",
        "该用户已停用",
        "请先登录",
        "邮件过大",
        "病毒邮件",
        "反垃圾策略拦截",
        "权限不足",
        "未知用户",
        "连接超时",
        "不支持的命令",
        "收件人数超过限制",
        "域名 example.com 未备案",
        "信件被退回",
        "请联系客服热线",
        "您的IP被列入黑名单",
        "口令错",
        "客户端授权密码无效",
        "群发邮件过多",
        "暂时无法投递",
        "用户名或密码错误",
        "请使用授权码登录",
        "登录失败",
        "密码错误",
        "拒绝",
        "发信频率过高",
        "邮件内容被疑似为垃圾邮件",
        "收件人不存在",
        "账号异常",
        "您的邮箱未开启SMTP服务",
        "帐户已冻结",
        "Mail from must equal authorized user 发件人不符",
        "用户被锁定",
        "连接数超限",
        "域名无法解析，拒收",
        "不允许发信",
        "系统忙",
        "超出配额",
        "用户不存在",
        "系统繁忙，请稍后再试",
        "发件人地址必须与登录用户一致",
        "DATA 阶段拒绝: 内容违规",
    ),
    "big5": (
        "密碼已過期",
        "請更改密碼",
        "附件類型不允許",
        "格式錯誤",
        "此帳號已停用",
        "伺服器內部錯誤",
        "內容不合法",
        "無此使用者",
        "郵件過大",
        "連線逾時",
        "不支援的指令",
        "您的IP已被列入黑名單",
        "權限不足",
        "請先登入",
        "信件遭退回",
        "超過每日寄信上限",
        "收件人過多",
        "使用者不存在",
        "密碼錯誤",
        "拒絕收信",
        "信箱已滿",
        "帳號或密碼錯誤",
        "郵件被拒絕，請聯絡管理員",
        "寄件者網域不存在",
        "驗證失敗",
        "連線太多",
        "伺服器忙碌",
    ),
    "cp949": (
        "서버 내부 오류",
        "첨부 파일이 허용되지 않음",
        "잠시 후 다시 시도",
        "보안 연결 필요",
        "존재하지 않는 계정",
        "메일 크기 초과",
        "권한이 없습니다",
        "로그인 먼저 하세요",
        "일일 발송 한도 초과",
        "차단된 IP",
        "알 수 없는 명령",
        "사용자를 찾을 수 없습니다",
        "인증 실패",
        "비밀번호가 틀렸습니다",
        "수신 거부",
        "메일함이 가득 찼습니다",
        "스팸으로 차단되었습니다",
        "접속이 제한되었습니다",
    ),
    "euc_jp": (
        "接続が切れました",
        "権限がありません",
        "該当するユーザはいません",
        "メールサイズ超過",
        "再度お試しください",
        "不明なコマンド",
        "ユーザーが存在しません",
        "認証に失敗しました",
        "メールボックスがいっぱいです",
        "拒否されました",
        "パスワードが違います",
        "送信数の上限を超えました",
    ),
    "cp932": (
        "サーバ内部エラー",
        "添付ファイルは許可されていません",
        "しばらくしてから送信してください",
        "期限切れです",
        "暗号化が必要です",
        "ﾕｰｻﾞ不明",
        "ユーザーが存在しません",
        "認証に失敗しました",
        "メールボックスがいっぱいです",
        "拒否されました",
        "パスワードが違います",
        "送信数の上限を超えました",
        "宛先不明",
    ),
    "koi8_r": (
        "Внутренняя ошибка сервера",
        "Вложение запрещено",
        "Требуется шифрование",
        "Слишком часто, подождите",
        "Учётная запись отключена",
        "Ваш IP в чёрном списке",
        "Нет такого пользователя",
        "ящик заблокирован",
        "Попробуйте позже",
        "Превышен лимит отправки",
        "сообщение похоже на спам",
        "Требуется авторизация",
        "Отказано",
        "нет",
        "Адрес отправителя отклонён",
        "Сообщение слишком большое",
        "Неверный пароль",
        "Пользователь не найден",
        "письмо отклонено",
        "спам",
        "Почтовый ящик переполнен",
        "Сервис временно недоступен",
        "Ошибка аутентификации",
        "Доступ запрещён",
        "ящик не существует",
        "Слишком много соединений, попробуйте позже",
    ),
    "cp1251": (
        "Грешна парола",
        "Користувача не знайдено, перевірте пароль",
        "НЕТ ТАКОГО ЯЩИКА",
        "Неверный пароль",
        "Пользователь не найден",
        "письмо отклонено",
        "спам",
        "Почтовый ящик переполнен",
        "Сервис временно недоступен",
        "Ошибка аутентификации",
        "Доступ запрещён",
        "ящик не существует",
        "ДОСТУП ЗАПРЕЩЕН",
        "Слишком много соединений, попробуйте позже",
    ),
    "cp1252": (
        "Interner Fehler, später versuchen",
        "Verschlüsselung nötig",
        "Anhänge nicht zulässig",
        "pièce jointe interdite",
        "Réessayez dans quelques minutes",
        "Votre adresse est bloquée",
        "Autenticación fallida",
        "conexión rechazada: demasiadas",
        "Falha na autenticação",
        "Não permitido: endereço inválido",
        "Autenticazione fallita: è scaduta",
        "Ogiltig avsändare, försök igen",
        "Ugyldig afsender på serveren",
        "Vääriä tunnuksia",
        "Mailbox geschlossen – 50 €",
        "Zugangsdaten ungültig",
        "Nachricht zu groß",
        "Bitte später erneut versuchen",
        "Postfach gesperrt – überprüfen",
        "Utilisateur inexistant ou bloqué",
        "quota dépassé",
        "Message refusé : suspecté",
        "Où est l'expéditeur ?",
        "Buzón lleno, inténtelo más tarde",
        "El tamaño excede el límite",
        "Usuário não existe",
        "Caixa cheia: tente amanhã",
        "Casella piena, riprova più tardi",
        "Användaren finns inte, lösenord fel",
        "Brukernavn på feil sted",
        "Käyttäjää ei löydy",
        "Fejl: ugyldig adgangskode, prøv igen",
        "Göteborg",
        "Gebruiker niet gevonden, één",
        "Clé expirée",
        "Ce n’est pas autorisé",
        "déjà",
        "Délai dépassé",
        "ñ",
        "señor",
        "Öffnen verboten",
        "ÜBERPRÜFUNG",
        "ACCÈS REFUSÉ",
        "Empfänger unbekannt",
        "Anmeldung für diesen Benutzer nicht möglich",
        "Boîte aux lettres pleine",
        "Accès refusé",
        "échec de l'authentification",
        "Usuario o contraseña incorrectos",
        "Dirección inválida",
        "Mailbox är full",
        "Ungültige Anmeldung – «gesperrt»",
        "Autenticação falhou, não é possível",
        "Änderung nötig",
        "Größe überschritten",
        "L’utilisateur n’existe pas",
        "Brukeren finnes ikke på serveren",
        "è stato rifiutato, perché",
        "¡Usuario no válido!",
        "Prüfung fehlgeschlagen: ungültig",
        "Zugriff verweigert für",
        "schließen",
        "Identifiants invalides : vérifiez le mot de passe saisi à nouveau",
        "Zu viele Verbindungen für Ihr Konto",
        "mot de passe erroné",
        "réessayez plus tard",
    ),
    "iso8859_2": (
        "Wewnętrzny błąd serwera",
        "Załącznik niedozwolony",
        "Vnitřní chyba serveru",
        "Příloha není povolena",
        "Nesprávné heslo",
        "Belső hiba történt",
        "A melléklet nem engedélyezett",
        "Notranja napaka strežnika",
        "Nie znaleziono użytkownika",
        "Skrzynka przepełniona",
        "Odrzucono wiadomość",
        "Přihlášení se nezdařilo",
        "Uživatel neexistuje",
        "Zpráva je příliš velká",
        "A postafiók megtelt, próbálja később",
        "Helytelen felhasználónév vagy jelszó",
        "Používateľ neexistuje",
        "Prijava ni uspela, napačno geslo",
        "Korisnik ne postoji, pogrešna šifra",
        "Utilizator inexistent, parolă greşită",
        "odmietnuté: príliš veľa správ",
        "Błąd: nieprawidłowe hasło",
        "użytkownik nie istnieje",
        "Chybné přihlašovací údaje",
        "Schránka je plná, účet zrušen",
        "Příjemce neexistuje",
        "Hibás jelszó, a felhasználó nem található",
        "Odmítnuto, překročen limit",
        "Přístup odepřen",
        "skrzynka pełna",
    ),
    "cp1250": (
        "Příliš mnoho spojení, zkuste to později",
        "Przekroczono limit, spróbuj później",
        "špatné heslo",
        "žádná taková schránka",
        "Błąd: nieprawidłowe hasło",
        "Źle wpisany użytkownik, spróbuj później",
        "Neplatné heslo, účet je zablokovaný, zkuste později",
    ),
}
"""Charset -> what servers say in it."""
SAID = [(charset, words) for charset, several in WORDS.items() for words in several]


def read(data: bytes, scrub: Scrub = str) -> Reply:
    """The reply in ``data``."""
    lines = iter(data.split(b"\n"))
    return read_reply(lambda: next(lines), scrub)


@pytest.mark.parametrize(("charset", "words"), SAID)
def test_reply_is_read_in_the_charset_of_its_words(charset: str, words: str) -> None:
    """Alone, and behind what is ASCII in every charset."""
    assert decode(words.encode(charset)) == words
    said = f"550 5.7.1 <ann@customer.example>: {words}"
    assert str(read(said.encode(charset))) == said


@pytest.mark.parametrize("words", sorted({words for _, words in SAID}))
def test_utf8_is_read_as_such(words: str) -> None:
    """Whole; and where it was cut off, all but the last character."""
    assert decode(words.encode()) == words
    if sum(not each.isascii() for each in words) > 4:
        cut = decode(f"{words}é".encode()[:-1])
        assert cut.startswith(words[:-1])


def test_lines_of_one_reply_share_a_charset() -> None:
    """A short line is read as the others are, and a line that was cut off harms none."""
    first, second = "550-用户名或密码错误".encode("gbk"), "550 码字".encode("gbk")
    assert read(first + b"\r\n" + second).lines == ("用户名或密码错误", "码字")
    cut = "550 用户名或密码错误，请使用授权码登录".encode("gbk")[:-1]
    assert read(cut).text.startswith("用户名或密码错误，请使用授权码登")


@given(st.binary(max_size=200))
def test_any_octets_come_out_printable(data: bytes) -> None:
    """No control character, no change of direction, no surrogate; lines stay lines."""
    body = data.replace(b"\n", b"").replace(b"\r", b"")
    reply = read(b"550-x" + body + b"\r\n550 " + body)
    assert len(reply.lines) == 2
    text = "".join(reply.lines)
    assert not set(text) & set(map(chr, (*range(32), *range(0x7F, 0xA0), 0x202E, 0x2028)))
    text.encode()


@given(st.binary(max_size=60), st.sampled_from(["tiger lilies", "Grüße, Ann!", "密码密码"]))
def test_password_in_octets_of_any_charset_is_blotted_out(noise: bytes, password: str) -> None:
    """As we sent it, between whatever octets; a lead octet does not take its first letter in."""
    noise = noise.replace(b"\n", b"").replace(b"\r", b"")
    scrub = scrubber("ann@example.com", password)
    said = "550 密码错误 ".encode("gbk") + noise + password.encode() + noise
    assert password[1:] not in read(said, scrub).text


@pytest.mark.parametrize("charset", ["cp1252", "gb18030"])
def test_password_in_the_charset_of_the_server_is_blotted_out(charset: str) -> None:
    """As the server wrote it, where it has brought it into its own charset."""
    password, words = {
        "cp1252": ("Grüße, Ann!", "Ungültiges Passwort für"),
        "gb18030": ("错误密码一二三四", "用户名或密码错误"),
    }[charset]
    said = f"535 {words} {password}".encode(charset)
    assert read(said, scrubber("", password)).text == f"{words} ***"


def test_long_reply_takes_little_time() -> None:
    """64 KB of rubbish, in one line and in short ones."""
    decode(b"\xff")  # the tables are made once
    rubbish = bytes(range(128, 256)) * (MAX_REPLY // 128 - 8)
    short = b"550-" + b"\xd3\xc3 "
    lines = (short + b"\n") * (MAX_REPLY // len(short) - 2) + b"550 end"
    since = time.perf_counter()
    read(b"550 " + rubbish)
    read(lines)
    assert time.perf_counter() - since < 1
